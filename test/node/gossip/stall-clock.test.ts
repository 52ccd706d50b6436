import { describe, expect, test } from "bun:test";
import { StallClock, stallMsMin } from "../../../src/node/gossip/stall-clock.ts";

function clockAt(startMs: number): { clock: StallClock; pass(ms: number): number } {
  let realMs = startMs;
  const clock = new StallClock(() => realMs);
  return {
    clock,
    pass: (ms) => {
      realMs += ms;
      return clock.nowMs();
    },
  };
}

describe("StallClock", () => {
  test("goes as long as nothing is expected", () => {
    const { clock, pass } = clockAt(1000);
    expect([clock.nowMs(), pass(50), pass(100_000)]).toEqual([1000, 1050, 101_050]);
    expect([clock.stoodMs, clock.takeStalledMs()]).toEqual([0, 0]);
  });

  test("goes on when a turn is a little late", () => {
    const { clock, pass } = clockAt(0);
    clock.expectTurn(1000);
    expect(pass(1000 + stallMsMin - 1)).toBe(1000 + stallMsMin - 1);
    expect(clock.stoodMs).toBe(0);
  });

  test("stands still from the moment a turn was due", () => {
    const { clock, pass } = clockAt(0);
    clock.expectTurn(1000);
    expect(pass(900)).toBe(900);
    expect(pass(3000)).toBe(1000);
    expect([clock.stoodMs, clock.takeStalledMs(), clock.takeStalledMs()]).toEqual([2900, 2900, 0]);
    clock.expectTurn(1500);
    expect(pass(400)).toBe(1400);
  });

  test("counts a stall once, whoever reads it how often", () => {
    const { clock, pass } = clockAt(0);
    clock.expectTurn(100);
    pass(5000);
    expect([pass(1), pass(10), pass(100)]).toEqual([101, 111, 211]);
    expect(clock.takeStalledMs()).toBe(4900);
  });

  test("never goes back: who was late and read it went on until then", () => {
    const { clock, pass } = clockAt(0);
    clock.expectTurn(100);
    expect([pass(250), pass(1000), pass(150)]).toEqual([250, 250, 400]);
    expect(clock.takeStalledMs()).toBe(1000);
  });

  test("adds up several stalls until they are taken", () => {
    const { clock, pass } = clockAt(0);
    clock.expectTurn(100);
    pass(600);
    clock.expectTurn(200);
    pass(1100);
    expect([clock.nowMs(), clock.takeStalledMs(), clock.stoodMs]).toEqual([200, 1500, 1500]);
  });
});
