import { afterEach, describe, expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { StallClock } from "../../../src/node/gossip/stall-clock.ts";
import { Timers } from "../../../src/node/gossip/timers.ts";
import { until } from "../../support/until.ts";

const made: Timers[] = [];

function makeTimers(clock = new StallClock(() => performance.now())): { clock: StallClock; timers: Timers } {
  const timers = new Timers(clock);
  made.push(timers);
  return { clock, timers };
}

afterEach(() => {
  for (const timers of made.splice(0)) timers.close();
});

/** Holds the event loop. */
function block(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

describe("Timers", () => {
  test("ring in the order of their times, those of one time in the order they were set, none too early", async () => {
    const { clock, timers } = makeTimers();
    const startMs = clock.nowMs();
    const rung: { number: number; afterMs: number; atMs: number }[] = [];
    // A fixed permutation of many delays, with repetitions.
    const delays = Array.from({ length: 500 }, (_, index) => ((index * 7919) % 101) / 2);
    for (const [number, afterMs] of delays.entries())
      timers.after(afterMs, () => rung.push({ number, afterMs, atMs: clock.nowMs() }));
    await until("all timers", () => rung.length === delays.length);
    expect(rung.filter(({ afterMs, atMs }) => atMs - startMs < afterMs)).toEqual([]);
    // Setting them took time, so that equal delays need not be equal times; but far apart ones keep their order.
    const early = rung.slice(0, 100).map(({ afterMs }) => afterMs);
    expect(Math.max(...early)).toBeLessThan(Math.min(...rung.slice(-100).map(({ afterMs }) => afterMs)));
    expect(timers.size).toBe(0);
  });

  test("of one time ring in the order they were set", async () => {
    let realMs = 0;
    const { timers } = makeTimers(new StallClock(() => realMs));
    const rung: number[] = [];
    for (let number = 0; number < 50; number += 1) timers.after(5, () => rung.push(number));
    realMs = 5;
    await until("all timers", () => rung.length === 50);
    expect(rung).toEqual(Array.from({ length: 50 }, (_, number) => number));
  });

  test("set while others ring wait for a later turn", async () => {
    const { timers } = makeTimers();
    const turns: number[] = [];
    let turn = 0;
    timers.after(0, () => {
      timers.after(0, () => turns.push(turn));
      turns.push(turn);
      setImmediate(() => (turn += 1));
    });
    await until("both", () => turns.length === 2);
    expect(turns).toEqual([0, 1]);
  });

  test("cancelled do not ring, nor do any once closed", async () => {
    const { timers } = makeTimers();
    const rung: string[] = [];
    const cancel = timers.after(1, () => rung.push("cancelled"));
    timers.after(2, () => {
      rung.push("closer");
      timers.close();
    });
    timers.after(2, () => rung.push("after close"));
    cancel();
    cancel();
    await until("the last", () => rung.length > 0);
    timers.after(0, () => rung.push("set after close"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(rung).toEqual(["closer"]);
  });

  test("use one timeout, which wakes once a second if nothing is due", async () => {
    const real = globalThis.setTimeout;
    const waits: number[] = [];
    const running = new Set<unknown>();
    const realClear = globalThis.clearTimeout;
    globalThis.setTimeout = ((ring: () => void, ms: number) => {
      waits.push(ms);
      const timeout = real(() => {
        running.delete(timeout);
        ring();
      }, ms);
      running.add(timeout);
      return timeout;
    }) as typeof setTimeout;
    globalThis.clearTimeout = ((timeout: Timer | undefined) => {
      running.delete(timeout);
      realClear(timeout);
    }) as typeof clearTimeout;
    try {
      const { timers } = makeTimers();
      for (const afterMs of [50_000, 10_000, 500, 200, 30_000]) timers.after(afterMs, () => undefined);
      expect(running.size).toBe(1);
      expect(waits).toEqual([1000, 500, 200]);
      timers.close();
      expect(running.size).toBe(0);
    } finally {
      globalThis.setTimeout = real;
      globalThis.clearTimeout = realClear;
    }
  });
});

describe("after a stall timers", () => {
  async function socket(): Promise<Socket> {
    const opened = createSocket("udp4");
    await new Promise<void>((resolve) => opened.bind(0, "127.0.0.1", resolve));
    return opened;
  }

  test("ring after what the sockets received in it was read", async () => {
    const { clock, timers } = makeTimers();
    const [receiver, sender] = [await socket(), await socket()];
    const events: string[] = [];
    receiver.on("message", () => events.push("packet"));
    timers.after(30, () => events.push("timer"));
    sender.send("x", receiver.address().port, "127.0.0.1");
    block(400);
    await until("both", () => events.length === 2);
    expect(events).toEqual(["packet", "timer"]);
    expect(clock.takeStalledMs()).toBeWithin(200, 400);
    receiver.close();
    sender.close();
  });

  test("that were not due before it keep their distance", async () => {
    const { timers } = makeTimers();
    const rung: [string, number][] = [];
    timers.after(20, () => rung.push(["first", performance.now()]));
    timers.after(320, () => rung.push(["second", performance.now()]));
    block(500);
    await until("both", () => rung.length === 2);
    const [first, second] = rung;
    expect([first?.[0], second?.[0]]).toEqual(["first", "second"]);
    // Both were due when the loop went on. The first rings after a rest of 20 ms, the second does not ring with it.
    expect((second?.[1] ?? 0) - (first?.[1] ?? 0)).toBeGreaterThan(200);
  });

  test("ring all the same if the event loop stalls all the time", async () => {
    const { timers } = makeTimers();
    let rung = 0;
    let isOver = false;
    const stall = (): void => {
      block(230);
      if (!isOver) setTimeout(stall, 0);
    };
    timers.after(1, () => {
      rung += 1;
      timers.after(1, () => (rung += 1));
    });
    stall();
    try {
      await until("both timers", () => rung === 2);
    } finally {
      isOver = true;
    }
  });
});
