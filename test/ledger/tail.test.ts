import { describe, expect, test } from "bun:test";
import { encodeEntry } from "../../src/core/entry-wire.ts";
import { limits } from "../../src/core/limits.ts";
import type { StoredEntry } from "../../src/ledger/ports.ts";
import { Tail } from "../../src/ledger/tail.ts";

function entry(sequence: number, parts: { key?: string; payloadBytes?: number } = {}): StoredEntry {
  const { key = "k", payloadBytes = 0 } = parts;
  const payload = new Uint8Array(payloadBytes);
  const wire = encodeEntry({ id: "id", key, payload, sequence, appendedAtNs: 1n, metadata: [], lamport: 1n });
  return { sequence, contentHash: new Uint8Array(32), wire };
}

function entries(from: number, through: number, parts?: Parameters<typeof entry>[1]): StoredEntry[] {
  return Array.from({ length: through - from + 1 }, (_, i) => entry(from + i, parts));
}

function spanned(tail: Tail, after: number): number[] | undefined {
  return tail.spanAfter(after)?.entries.map(({ sequence }) => sequence);
}

describe("Tail", () => {
  test("gives what follows a cursor, and nothing where it does not reach", () => {
    const tail = new Tail();
    expect(spanned(tail, 0)).toBeUndefined();
    tail.push(entries(5, 7));
    expect([3, 4, 5, 6, 7, 8].map((after) => spanned(tail, after))).toEqual([
      undefined,
      [5, 6, 7],
      [6, 7],
      [7],
      undefined,
      undefined,
    ]);
    tail.push(entries(8, 8));
    expect(spanned(tail, 6)).toEqual([7, 8]);
  });

  test("drops what it held when other entries follow a gap or begin again", () => {
    const tail = new Tail();
    tail.push(entries(1, 3));
    tail.push(entries(5, 6));
    expect([spanned(tail, 0), spanned(tail, 4)]).toEqual([undefined, [5, 6]]);
    tail.push(entries(1, 1));
    expect([spanned(tail, 0), spanned(tail, 5)]).toEqual([[1], undefined]);
  });

  test("holds a bounded number of entries and bytes, the newest", () => {
    const tail = new Tail();
    tail.push(entries(1, limits.tailEntriesPerContextMax + 10));
    expect([spanned(tail, 9), spanned(tail, 10)?.[0]]).toEqual([undefined, 11]);
    tail.clear();
    expect(tail.bytes).toBe(0);
    tail.push(entries(1, 10, { payloadBytes: 4 * 2 ** 20 }));
    expect(tail.bytes).toBeLessThanOrEqual(limits.tailBytesMax);
    expect([spanned(tail, 2), spanned(tail, 3)?.[0]]).toEqual([undefined, 4]);
  });

  test("cuts spans after 256 entries, or after the bytes a watcher takes at once", () => {
    const tail = new Tail();
    tail.push(entries(1, 600));
    expect(spanned(tail, 0)).toHaveLength(256);
    tail.push(entries(601, 620, { payloadBytes: limits.watcherBufferBytes / 2 }));
    expect(spanned(tail, 600)).toEqual([601, 602]);
  });

  test("gives every caller the same span, until entries come, and keeps only a few", () => {
    const tail = new Tail();
    tail.push(entries(1, 100));
    const first = tail.spanAfter(0);
    expect(tail.spanAfter(0)).toBe(first as NonNullable<typeof first>);
    for (let after = 1; after < 50; after += 1) tail.spanAfter(after);
    expect(tail.spanAfter(0)).not.toBe(first as NonNullable<typeof first>);
    expect(spanned(tail, 0)).toHaveLength(100);
    tail.push(entries(101, 101));
    expect(spanned(tail, 0)).toHaveLength(101);
  });
});

describe("Span", () => {
  test("encodes once for each name", () => {
    const tail = new Tail();
    tail.push(entries(1, 2));
    const span = tail.spanAfter(0);
    const calls: number[] = [];
    const encode = (held: readonly StoredEntry[]): Uint8Array => new Uint8Array(calls.push(held.length));
    const [a, again, b] = [
      span?.encoded("a", encode),
      span?.encoded("a", encode),
      span?.encoded("b", encode),
    ];
    expect(again).toBe(a as Uint8Array);
    expect(b).not.toBe(a as Uint8Array);
    expect(calls).toEqual([2, 2]);
  });

  test("filters by key once for all", () => {
    const tail = new Tail();
    tail.push([entry(1, { key: "a" }), entry(2, { key: "b" }), entry(3, { key: "a" })]);
    const span = tail.spanAfter(0);
    const matching = span?.matching("a");
    expect(matching?.entries.map(({ sequence }) => sequence)).toEqual([1, 3]);
    expect(span?.matching("a")).toBe(matching as NonNullable<typeof matching>);
    expect(span?.matching("x").entries).toEqual([]);
  });
});
