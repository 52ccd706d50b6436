import { expect, test } from "bun:test";
import fc from "fast-check";
import { RestartBudget } from "../../src/supervisor/restart-budget.ts";

const policy = { maxRestarts: 3, withinMs: 1000, backoff: { minMs: 10, maxMs: 35 } };

const tables: [string, number[], (number | "give up")[]][] = [
  ["crashes at one time", [0, 0, 0, 0], [10, 20, 35, "give up"]],
  ["crashes far apart", [0, 1000, 2000, 3000, 4000], [10, 10, 10, 10, 10]],
  ["a crash just inside the window", [0, 1, 2, 999], [10, 20, 35, "give up"]],
  ["a crash just outside the window", [0, 1, 2, 1000], [10, 20, 35, 35]],
];
for (const [name, timesMs, expected] of tables) {
  test(`RestartBudget.crash() decides on ${name}`, () => {
    const budget = new RestartBudget(policy);
    const decisions = timesMs.map((ms) => budget.crash(ms));
    expect(decisions.map((decision) => (decision.kind === "restart" ? decision.delayMs : "give up"))).toEqual(
      expected,
    );
  });
}

test("RestartBudget.crash() gives up exactly if more than maxRestarts crashes fall into one window", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 0, max: 5 }), (gapsMs, maxRestarts) => {
      const budget = new RestartBudget({ ...policy, maxRestarts });
      const timesMs: number[] = [];
      for (const gapMs of gapsMs) {
        const nowMs = (timesMs.at(-1) ?? 0) + gapMs;
        timesMs.push(nowMs);
        const inWindow = timesMs.filter((ms) => ms > nowMs - policy.withinMs).length;
        expect(budget.crash(nowMs).kind).toBe(inWindow > maxRestarts ? "give-up" : "restart");
      }
    }),
  );
});
