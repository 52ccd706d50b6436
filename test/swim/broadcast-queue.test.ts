import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import { BroadcastQueue } from "../../src/swim/broadcast-queue.ts";

const all = { bytesMax: 1000, overheadBytes: 0, countMax: 255 };

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}

function take(queue: BroadcastQueue, room: Partial<typeof all> = {}, limit = 3): string[] {
  return queue.take({ ...all, ...room }, limit).map((one) => Buffer.from(one).toString());
}

function queueOf(...texts: readonly string[]): BroadcastQueue {
  const queue = new BroadcastQueue();
  for (const text of texts) queue.push(bytes(text), undefined);
  return queue;
}

describe("BroadcastQueue.push()", () => {
  test("replaces what waits about the same subject, and tells that it is over", () => {
    const queue = queueOf();
    const over: string[] = [];
    queue.push(bytes("test"), 1, () => over.push("test"));
    queue.push(bytes("foo"), 2, () => over.push("foo"));
    queue.push(bytes("bar"), 3);
    queue.push(bytes("TEST"), 1);
    expect([queue.length, over]).toEqual([3, ["test"]]);
    expect(take(queue)).toEqual(["TEST", "bar", "foo"]);
    queue.push(bytes("FOO"), 2);
    expect([over, take(queue), queue.length]).toEqual([["test", "foo"], ["FOO", "bar", "TEST"], 3]);
  });

  test("keeps everything about no subject", () => {
    expect(take(queueOf("a", "a", "b"))).toEqual(["b", "a", "a"]);
  });

  test("of more than its bound drops the oldest of those sent most often", () => {
    const queue = queueOf("often", "also often");
    take(queue);
    for (let index = 2; index < limits.gossipQueueMax; index++) queue.push(bytes("x"), undefined);
    let dropped = 0;
    expect(queue.length).toBe(limits.gossipQueueMax);
    queue.push(bytes("one more"), 7, () => dropped++);
    expect(queue.length).toBe(limits.gossipQueueMax);
    queue.push(bytes("and one more"), 8);
    queue.push(bytes("y"), 9);
    const rest = take(queue, { bytesMax: Infinity, countMax: Infinity });
    expect([rest.length, rest.includes("often"), rest.includes("also often")]).toEqual([
      limits.gossipQueueMax,
      false,
      false,
    ]);
    expect([rest.filter((text) => text === "x").length, dropped]).toEqual([limits.gossipQueueMax - 3, 0]);
  });

  test("passes over the places of those that were replaced when it drops", () => {
    const queue = queueOf();
    queue.push(bytes("about 1"), 1);
    for (let index = 1; index < limits.gossipQueueMax; index++) queue.push(bytes("x"), undefined);
    queue.push(bytes("new about 1"), 1);
    let isOver = false;
    queue.push(bytes("about 2"), 2, () => (isOver = true));
    expect([queue.length, isOver]).toEqual([limits.gossipQueueMax, false]);
    const rest = take(queue, { bytesMax: Infinity, countMax: Infinity });
    expect([rest.length, ...rest.slice(0, 2)]).toEqual([limits.gossipQueueMax, "about 2", "new about 1"]);
  });
});

describe("BroadcastQueue.take()", () => {
  test("gives what was sent least often first, and among those the newest", () => {
    const queue = queueOf("a", "b");
    expect(take(queue, { countMax: 1 })).toEqual(["b"]);
    queue.push(bytes("c"), undefined);
    expect(take(queue, { countMax: 2 })).toEqual(["c", "a"]);
    expect(take(queue, { countMax: 3 })).toEqual(["a", "c", "b"]);
  });

  test("fills what room there is with what fits, less often sent or not", () => {
    const queue = queueOf("12", "1234567890", "123");
    const room = { bytesMax: 9, overheadBytes: 2 };
    expect(take(queue, room)).toEqual(["123", "12"]);
    expect(take(queue, { ...room, bytesMax: 12 })).toEqual(["1234567890"]);
    expect(take(queue, { ...room, bytesMax: 8 })).toEqual(["12"]);
    expect(take(queue, { ...room, bytesMax: 3 })).toEqual([]);
  });

  test("looks past some that do not fit, and not past all of them", () => {
    const behind = (count: number) =>
      take(queueOf("x", ...Array.from({ length: count }, () => "too large")), { bytesMax: 1 });
    expect([behind(15), behind(16)]).toEqual([["x"], []]);
  });

  test("drops each once it was taken as often as the limit, and tells so once", () => {
    const queue = queueOf();
    let ended = 0;
    queue.push(bytes("a"), 1, () => ended++);
    expect([take(queue, {}, 2), ended, take(queue, {}, 2), ended, take(queue, {}, 2), ended]).toEqual([
      ["a"],
      0,
      ["a"],
      1,
      [],
      1,
    ]);
    expect(queue.length).toBe(0);
    queue.push(bytes("b"), 1);
    expect([take(queue), ended]).toEqual([["b"], 1]);
  });

  test("follows a limit that falls", () => {
    const queue = queueOf("a");
    take(queue, {}, 5);
    expect([take(queue, {}, 1), queue.length]).toEqual([["a"], 0]);
  });

  test("takes nothing twice at once", () => {
    expect(take(queueOf("a"), {}, 100)).toEqual(["a"]);
  });
});

test("BroadcastQueue keeps little of what was replaced, however often that happens between two turns", () => {
  const queue = queueOf("x");
  let over = 0;
  const replaced = Array.from({ length: 5000 }, (_, round) => {
    const message = bytes(`${round}`);
    queue.push(message, round % 3, () => over++);
    return new WeakRef(message);
  });
  Bun.gc(true);
  expect(replaced.filter((message) => message.deref() !== undefined).length).toBeLessThan(500);
  expect([queue.length, over, take(queue)]).toEqual([4, 4997, ["4999", "4998", "4997", "x"]]);
});
