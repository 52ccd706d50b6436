import { expect, test } from "bun:test";
import { FirstExchange } from "../../src/server/first-exchange.ts";

function exchangeOf(isNeeded: boolean | undefined) {
  const world = { isNeeded, told: 0 };
  const first = new FirstExchange(() => world.isNeeded);
  first.onOver(() => (world.told += 1));
  return { world, first };
}

test("a node that waits for nobody has nothing to wait for, also when others come later", () => {
  const { world, first } = exchangeOf(false);
  expect(first.isOver).toBe(true);
  world.isNeeded = true;
  expect(first.isOver).toBe(true);
});

test.each([undefined, true])(
  "it is not over if it is needed or nobody knows (%p), and is told once",
  (needed) => {
    const { world, first } = exchangeOf(needed);
    expect(first.isOver).toBe(false);
    first.over();
    first.over();
    first.recheck();
    expect([first.isOver, world.told]).toEqual([true, 1]);
  },
);

test("recheck() tells that those who were waited for are gone", () => {
  const { world, first } = exchangeOf(true);
  first.recheck();
  expect([first.isOver, world.told]).toEqual([false, 0]);
  world.isNeeded = false;
  first.recheck();
  expect([first.isOver, world.told]).toEqual([true, 1]);
});
