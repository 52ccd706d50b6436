import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { placementOrder } from "../../src/core/placement.ts";
import { loadHasher } from "../../src/hash/load-hasher.ts";

const hasher = await loadHasher();
const nodes = Array.from({ length: 8 }, (_, index) => idOf(index));
const contexts = Array.from({ length: 10_000 }, (_, index) => `context ${index}`);

describe("placementOrder()", () => {
  test.each(["", "a", "ä 🦊", "context 7", "x".repeat(200)])(
    "of %p is what node:crypto says",
    (contextId) => {
      const weightOf = (nodeId: string): string => {
        const id = Buffer.from(contextId, "utf8");
        const length = Buffer.alloc(4);
        length.writeUInt32BE(id.length);
        const message = Buffer.concat([length, id, Buffer.from(nodeId, "hex")]);
        return createHash("sha256").update(message).digest("hex").slice(0, 16);
      };
      const expected = nodes.toSorted((a, b) => (weightOf(a) > weightOf(b) ? -1 : 1));
      expect(placementOrder(contextId, nodes, hasher)).toEqual(expected);
    },
  );

  test("is the same in whatever order nodes are given", () => {
    expect(placementOrder("c", nodes.toReversed(), hasher)).toEqual(placementOrder("c", nodes, hasher));
  });

  test("gives every node its share, within a few percent", () => {
    const counts = new Map<string, number>();
    for (const contextId of contexts)
      for (const nodeId of placementOrder(contextId, nodes, hasher).slice(0, 3))
        counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
    const share = (3 * contexts.length) / nodes.length;
    for (const count of counts.values()) expect(Math.abs(count - share) / share).toBeLessThan(0.06);
  });

  test("moves nothing but what a node that comes wins, and what one that goes had", () => {
    const fewer = nodes.slice(0, -1);
    const newcomer = nodes.at(-1) ?? "";
    let moved = 0;
    for (const contextId of contexts) {
      const before = placementOrder(contextId, fewer, hasher).slice(0, 3);
      const after = placementOrder(contextId, nodes, hasher).slice(0, 3);
      const came = after.filter((nodeId) => !before.includes(nodeId));
      expect([[], [newcomer]]).toContainEqual(came);
      moved += came.length;
    }
    const share = (3 * contexts.length) / nodes.length;
    expect(Math.abs(moved - share) / share).toBeLessThan(0.06);
  });
});

function idOf(index: number): string {
  return createHash("sha256").update(`node ${index}`).digest("hex").slice(0, 32);
}
