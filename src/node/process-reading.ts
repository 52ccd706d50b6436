import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

/** Shorter samples see more short stalls and cost an idle process more CPU: 0.4 % of a core at 20 ms. */
const loopSampleMs = 50;
const nsPerSecond = 1e9;

/**
 * Begins to watch the event loop, and returns a function that reads the state of the process. Every
 * reading begins the watch anew. Does not keep the process alive.
 */
export function watchProcess(process: Pick<NodeJS.Process, "cpuUsage" | "memoryUsage">) {
  const delay = monitorEventLoopDelay({ resolution: loopSampleMs });
  delay.enable();

  return () => {
    const { user, system } = process.cpuUsage();
    const maxSeconds = delay.count === 0 ? 0 : delay.max / nsPerSecond;
    // A percentile is the upper end of its bucket, which may be above the largest value.
    const p99Seconds = Math.min(delay.percentile(99) / nsPerSecond, maxSeconds);
    delay.reset();
    return {
      cpuSeconds: (user + system) / 1e6,
      residentBytes: process.memoryUsage.rss(),
      openFiles: openFiles(),
      startedAtSeconds: performance.timeOrigin / 1000,
      loopDelay: { p99Seconds, maxSeconds },
    };
  };
}

/** Returns how many file descriptors are open; undefined where the system does not show them. */
function openFiles(): number | undefined {
  try {
    // Reading the folder takes a descriptor itself.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return undefined;
  }
}
