import { expect, test } from "bun:test";
import { EventQueue } from "./harness/event-queue.ts";
import { SeededRandom } from "./harness/seeded-random.ts";

test("EventQueue gives events in the order of time, and of one time in the order of planning", () => {
  const random = new SeededRandom(5);
  const queue = new EventQueue<{ atMs: number; planned: number }>();
  const expected: { atMs: number; planned: number }[] = [];
  const given: { atMs: number; planned: number }[] = [];
  let nowMs = 0;
  for (let planned = 0; planned < 20_000; planned++) {
    const event = { atMs: nowMs + random.below(50), planned };
    queue.push(event.atMs, event);
    expected.push(event);
    if (!random.chance(0.45)) continue;
    nowMs = queue.nextMs;
    const next = queue.pop();
    if (next !== undefined) given.push(next);
  }
  while (queue.size > 0) given.push(queue.pop() ?? { atMs: -1, planned: -1 });
  expect(given).toEqual(expected.toSorted((a, b) => a.atMs - b.atMs || a.planned - b.planned));
});

test("EventQueue that is empty has no next event", () => {
  const queue = new EventQueue<string>();
  expect([queue.pop(), queue.nextMs, queue.size]).toEqual([undefined, Number.POSITIVE_INFINITY, 0]);
  queue.push(3, "a");
  expect([queue.nextMs, queue.pop(), queue.pop(), queue.size]).toEqual([3, "a", undefined, 0]);
});

test("SeededRandom repeats itself, and its streams differ", () => {
  const draw = (seed: number, stream: number) => {
    const random = new SeededRandom(seed, stream);
    return Array.from({ length: 8 }, () => random.below(2 ** 32 - 1)).join();
  };
  expect(draw(1, 2)).toBe(draw(1, 2));
  const all = [0, 1, 2, 2 ** 40].flatMap((seed) => [0, 1, -1].map((stream) => draw(seed, stream)));
  expect(new Set(all).size).toBe(all.length);
});

test("SeededRandom.below() takes every number about as often", () => {
  const random = new SeededRandom(3);
  const counts = new Array<number>(10).fill(0);
  for (let draw = 0; draw < 100_000; draw++) {
    const drawn = random.below(10);
    counts[drawn] = (counts[drawn] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
});

test("SeededRandom.distinct() gives different numbers", () => {
  const numbers = new SeededRandom(3).distinct(50, 60);
  expect(new Set(numbers).size).toBe(50);
  expect(Math.max(...numbers)).toBeLessThan(60);
});
