/**
 * Runs a gossip driver whose machine sets a timer again and again, and writes each input as a line of JSON. Ends with
 * its standard input.
 *
 * @module
 */

import { GossipDriver } from "../../../src/node/gossip/gossip-driver.ts";
import type { Effect } from "../../../src/swim/effect.ts";
import type { Input } from "../../../src/swim/input.ts";

const tickMs = 300;

function write(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function handle(input: Input, nowMs: number): readonly Effect[] {
  write({ kind: input.kind, nowMs, ...(input.kind === "stalled" ? { forMs: input.forMs } : {}) });
  const isTick = input.kind === "start" || input.kind === "timer";
  return isTick ? [{ kind: "set-timer", timer: { kind: "probe", id: 0, token: 0 }, afterMs: tickMs }] : [];
}

const driver = await GossipDriver.start({
  gossip: { host: "127.0.0.1", port: 0 },
  advertise: undefined,
  streamTimeoutMs: 1000,
  createMachine: () => ({ handle }),
  onMember: () => undefined,
  onNotice: () => undefined,
  onUserMessage: () => undefined,
});
write({ kind: "listening", port: driver.bound.port });
process.stdin.on("end", () => {
  write({ kind: "ending", stalls: driver.counters.stalls });
  void driver.stop();
});
process.stdin.resume();
