import { expect, test } from "bun:test";
import type { Log } from "../../../src/core/log.ts";
import { type JoinOutcome, ownAddress } from "../../../src/node/gossip/joiner.ts";
import { SeedLog } from "../../../src/node/gossip/seed-log.ts";

const reached: JoinOutcome = { address: "a:1", members: 2, error: undefined };
const failed: JoinOutcome = { address: "b:1", members: 0, error: "no answer" };
const noSeed = [
  "warn",
  "no seed was reached; they are tried again and again",
  { seeds: 1, failures: ["b:1: no answer"] },
];

function seedLog(now: { ms: number }) {
  const lines: unknown[][] = [];
  const line =
    (level: string) =>
    (...rest: unknown[]) =>
      void lines.push([level, ...rest]);
  const log: Log = {
    ...{ debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") },
    child: () => log,
    isEnabled: () => true,
  };
  return { lines, seeds: new SeedLog(log, () => now.ms) };
}

test("SeedLog says that no seed was reached, and when one is", () => {
  const { lines, seeds } = seedLog({ ms: 0 });
  seeds.write([failed]);
  seeds.write([failed, reached]);
  expect(lines).toEqual([noSeed, ["info", "joined a seed", { seed: "a:1" }]]);
});

test("SeedLog repeats itself after ten minutes, and not before", () => {
  const now = { ms: 5 };
  const { lines, seeds } = seedLog(now);
  for (const ms of [5, 600_004, 600_005, 600_006]) {
    now.ms = ms;
    seeds.write([failed]);
  }
  expect(lines).toEqual([noSeed, noSeed]);
});

test("SeedLog says nothing of who is joined at once, of nobody, and of this node", () => {
  const { lines, seeds } = seedLog({ ms: 0 });
  seeds.write([reached]);
  seeds.write([]);
  seeds.write([{ address: "c:1", members: 0, error: ownAddress }]);
  expect(lines).toEqual([]);
});

test("SeedLog names at most four seeds", () => {
  const { lines, seeds } = seedLog({ ms: 0 });
  seeds.write(Array.from({ length: 9 }, () => failed));
  const failures = Array.from({ length: 4 }, () => "b:1: no answer");
  expect(lines).toEqual([["warn", noSeed[1], { seeds: 9, failures }]]);
});
