import { describe, expect, test } from "bun:test";
import { inLanes } from "../../src/node/in-lanes.ts";

describe("inLanes()", () => {
  test("works on so many at a time, in their order, and returns the results in order", async () => {
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    const results = await inLanes([30, 5, 5, 5, 5], 2, async (ms) => {
      begun.push(ms);
      most = Math.max(most, (running += 1));
      await Bun.sleep(ms);
      running -= 1;
      return begun.length;
    });
    expect([begun, most]).toEqual([[30, 5, 5, 5, 5], 2]);
    expect(results).toEqual([5, 2, 3, 4, 5]);
    expect(await inLanes([], 2, async () => 1)).toEqual([]);
  });

  test("rejects with the first error when the others have ended", async () => {
    const ended: number[] = [];
    const work = inLanes([1, 2, 3], 2, async (item) => {
      if (item === 1) throw new Error("not this one");
      await Bun.sleep(5);
      ended.push(item);
    });
    await expect(work).rejects.toThrow("not this one");
    expect(ended).toEqual([2, 3]);
  });
});
