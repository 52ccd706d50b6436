import { expect, test } from "bun:test";
import { watchProcess } from "../../src/node/process-reading.ts";

test("watchProcess() reads the process and how late its event loop was", async () => {
  const read = watchProcess(process);
  // The watch looks at the loop in a timer of its own; it measures from its first look on.
  await turns();
  const untilMs = performance.now() + 120;
  while (performance.now() < untilMs);
  await turns();
  const first = read();
  expect(first.cpuSeconds).toBeGreaterThan(0);
  expect(first.residentBytes).toBeGreaterThan(2 ** 20);
  expect(first.startedAtSeconds).toBeLessThanOrEqual(Date.now() / 1000);
  expect(first.loopDelay.maxSeconds).toBeGreaterThan(0.03);
  expect(first.loopDelay.p99Seconds).toBeLessThanOrEqual(first.loopDelay.maxSeconds);
  expect(read().loopDelay).toEqual({ p99Seconds: 0, maxSeconds: 0 });
});

test("watchProcess() does not keep the process alive", async () => {
  const source = import.meta.resolve("../../src/node/process-reading.ts").slice("file://".length);
  const script = `import { watchProcess } from ${JSON.stringify(source)}; watchProcess(process)();`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "ignore", stderr: "inherit" });
  expect(await child.exited).toBe(0);
});

async function turns(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setTimeout(resolve, 25));
}
