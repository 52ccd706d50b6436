import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createHash } from "node:crypto";
import { loadHasher } from "../../src/hash/load-hasher.ts";
import { bucketCount, bucketOf, Digest, differingBuckets, digestItem } from "../../src/sync/digest.ts";

const hasher = await loadHasher();
const place = { committed: 3, latest: 5, root: new Uint8Array(32).fill(7) };
const accepted = { counter: 9, nodeId: "ab".repeat(16) };

describe("digestItem()", () => {
  test("is the hash of what it says", () => {
    const expected = createHash("sha256")
      .update(Buffer.from("00000003c3a463", "hex"))
      .update(Buffer.from("00000000000000030000000000000005", "hex"))
      .update(place.root)
      .update(Buffer.from("0000000000000009", "hex"))
      .update(accepted.nodeId)
      .digest("hex");
    expect(Buffer.from(digestItem("äc", { ...place, accepted }, hasher)).toString("hex")).toBe(expected);
  });

  test.each([
    ["committed", { committed: 4 }],
    ["latest", { latest: 6 }],
    ["the root", { root: new Uint8Array(32) }],
    ["the epoch", { accepted: { ...accepted, counter: 10 } }],
    ["its node", { accepted: { ...accepted, nodeId: "cd".repeat(16) } }],
  ])("changes with %s", (_, other) => {
    const item = digestItem("c", { ...place, accepted }, hasher);
    expect(digestItem("c", { ...place, accepted, ...other }, hasher)).not.toEqual(item);
  });
});

describe("Digest", () => {
  const changes = fc.array(
    fc.record({ bucket: fc.nat(bucketCount - 1), item: fc.uint8Array({ minLength: 32, maxLength: 32 }) }),
    { maxLength: 20 },
  );

  test("is the same in whatever order items come, and after others have come and gone", () => {
    fc.assert(
      fc.property(changes, changes, (kept, gone) => {
        const one = new Digest();
        for (const { bucket, item } of [...kept, ...gone]) one.add(bucket, item);
        for (const { bucket, item } of gone) one.subtract(bucket, item);
        const other = new Digest();
        for (const { bucket, item } of kept.toReversed()) other.add(bucket, item);
        expect(one.sums()).toEqual(other.sums());
        expect(one.all(hasher)).toEqual(other.all(hasher));
      }),
    );
  });

  test("carries over all of its 256 bits, and no further", () => {
    const digest = new Digest();
    digest.add(3, new Uint8Array(32).fill(255));
    digest.add(3, Uint8Array.of(1, ...new Uint8Array(31)));
    expect(digest.sums()).toEqual(new Digest().sums());
  });

  test("differs in the buckets in which it does", () => {
    const one = new Digest();
    const other = new Digest();
    for (const bucket of [0, 7, 255]) one.add(bucket, new Uint8Array(32).fill(1));
    other.add(7, new Uint8Array(32).fill(1));
    expect(differingBuckets(one.sums(), other.sums())).toEqual([0, 255]);
  });
});

test("bucketOf() is the first byte of the hash of the id", () => {
  expect(bucketOf("c", hasher)).toBe(createHash("sha256").update("c").digest()[0] ?? -1);
});
