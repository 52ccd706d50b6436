import type { RunningChild, WorkerSpec } from "../../src/supervisor/spec.ts";

type Start = "ok" | "never" | Error;

/** A worker whose lives are scripted, and whose starts and stops are written to `story`. */
export class ScriptedWorker {
  readonly spec: WorkerSpec;
  /** What the next starts do; afterwards all succeed. */
  starts: Start[] = [];
  /** What a stop does. */
  stops: "ok" | "never" | Error = "ok";
  alive = 0;
  aliveMax = 0;
  crash: (error: Error) => void = () => {};
  reject: (reason: unknown) => void = () => {};
  finish: () => void = () => {};
  signals: AbortSignal[] = [];

  constructor(name: string, story: string[] = [], policy: Partial<WorkerSpec> = {}) {
    this.spec = {
      name,
      restart: "permanent",
      startTimeoutMs: 1000,
      stopTimeoutMs: 500,
      maxRestarts: 3,
      withinMs: 10_000,
      backoff: { minMs: 100, maxMs: 250 },
      start: async ({ signal }) => {
        this.signals.push(signal);
        story.push(`start ${name}`);
        const what = this.starts.shift() ?? "ok";
        if (what === "never") await new Promise(() => {});
        if (what instanceof Error) throw what;
        return this.#life(story, name);
      },
      ...policy,
    };
  }

  #life(story: string[], name: string): RunningChild {
    const crashed = Promise.withResolvers<Error>();
    const finished = Promise.withResolvers<void>();
    this.crash = crashed.resolve;
    this.reject = crashed.reject;
    this.finish = finished.resolve;
    this.alive += 1;
    this.aliveMax = Math.max(this.aliveMax, this.alive);
    return {
      crashed: crashed.promise,
      finished: finished.promise,
      describe: () => `${name} is fine`,
      stop: async () => {
        story.push(`stop ${name}`);
        if (this.stops === "never") await new Promise(() => {});
        if (this.stops instanceof Error) throw this.stops;
        this.alive -= 1;
      },
    };
  }
}
