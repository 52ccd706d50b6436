/**
 * What every Store keeps of contexts that other nodes keep too; a part of `store-contract.ts`.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { noEpoch } from "../../src/core/epoch.ts";
import { limits } from "../../src/core/limits.ts";
import type { Commit, ForkRecord, Replica, Store } from "../../src/ledger/ports.ts";
import { sampleEpoch, sampleFork, sampleReplica } from "./sample-replicas.ts";
import { append, sampleAppend, sampleHead, sampleMember } from "./sample-rows.ts";
import type { WithStore } from "./store-contract.ts";

const write = (store: Store, parts: Partial<Commit>) => store.commit({ rows: [], heads: [], ...parts });
const idsOf = (replicas: readonly Replica[]) => replicas.map(({ contextId }) => contextId);

/** Runs this part of the contract against stores of one implementation. */
export function testStoreReplicas(withStore: WithStore): void {
  describe("replica()", () => {
    test.each<[string, Replica]>([
      [
        "with all it can have",
        sampleReplica("ключ 🔑 \u0000", 2 ** 50, { leaving: true, digestItem: new Uint8Array(32).fill(9) }),
      ],
      ["without a digest item", sampleReplica("c", 0)],
      ["without holders", sampleReplica("c", 1, { holders: [] })],
      ["without an accepted epoch", sampleReplica("c", 1, { accepted: noEpoch })],
      ["without any epoch", sampleReplica("c", 1, { accepted: noEpoch, promised: noEpoch })],
      ["with a late epoch", sampleReplica("c", 1, { promised: sampleEpoch(Number.MAX_SAFE_INTEGER, 255) })],
      [
        "with as many holders as there may be",
        sampleReplica("c", 1, {
          holders: Array.from({ length: limits.holdersMax }, (_, index) => sampleMember(index).nodeId),
        }),
      ],
    ])("returns one %s as it was given", (_name, replica) =>
      withStore(async (store) => {
        expect(await store.replica(replica.contextId)).toBeUndefined();
        expect((await write(store, { replicas: [replica] })).kind).toBe("committed");
        expect(await store.replica(replica.contextId)).toEqual(replica);
        expect(await store.replica("other")).toBeUndefined();
      }),
    );

    test("returns the last that was put, with or without a context to go with it", () =>
      withStore(async (store) => {
        const last = sampleReplica("c", 3, { leaving: true });
        await write(store, { replicas: [sampleReplica("c", 1, { digestItem: new Uint8Array(32) })] });
        await append(store, "c", 3);
        await write(store, { replicas: [sampleReplica("c", 2), last] });
        expect(await store.replica("c")).toEqual(last);
        expect((await store.head("c"))?.latest).toBe(3);
      }));

    test("changes with the commit it came with, or not at all", () =>
      withStore(async (store) => {
        const head = await append(store, "c", 1);
        const next = sampleAppend("c", head, head.log, 2);
        const stale = { ...next, heads: [{ contextId: "c", from: undefined, to: sampleHead(head.log, 2) }] };
        const parts = { replicas: [sampleReplica("c", 2)], forks: [sampleFork("c", 1)] };
        expect(await store.commit({ ...stale, ...parts })).toEqual({ kind: "head-moved", contextId: "c" });
        expect(await store.replica("c")).toBeUndefined();
        expect(await store.forks("c", 9)).toEqual([]);
        expect((await store.commit({ ...next, ...parts })).kind).toBe("committed");
        expect(await store.replica("c")).toEqual(sampleReplica("c", 2));
        expect(await store.forks("c", 9)).toEqual([sampleFork("c", 1)]);
      }));

    test("belongs to the receiver, and leaves what was given alone", () =>
      withStore(async (store) => {
        const given = sampleReplica("c", 1, { digestItem: new Uint8Array(32).fill(1) });
        await write(store, { replicas: [given] });
        given.digestItem?.fill(2);
        const first = await store.replica("c");
        expect(first).toEqual(sampleReplica("c", 1, { digestItem: new Uint8Array(32).fill(1) }));
        first?.digestItem?.fill(3);
        expect((await store.replica("c"))?.digestItem).toEqual(new Uint8Array(32).fill(1));
      }));
  });

  describe("replicas()", () => {
    test("returns pages in the byte order of the context ids", () =>
      withStore(async (store) => {
        const ids = ["b", "a\u{10000}", "a\uFFFD", "a", "aa"];
        await write(store, { replicas: ids.map((id, index) => sampleReplica(id, index)) });
        const wanted = ["a", "aa", "a\uFFFD", "a\u{10000}", "b"];
        expect(idsOf(await store.replicas("", 10))).toEqual(wanted);
        expect(idsOf(await store.replicas("", 2))).toEqual(wanted.slice(0, 2));
        expect(idsOf(await store.replicas("aa", 2))).toEqual(wanted.slice(2, 4));
        expect(await store.replicas("a\u{10000}", 10)).toEqual([sampleReplica("b", 0)]);
        expect(await store.replicas("b", 10)).toEqual([]);
        expect(await store.replicas("", 0)).toEqual([]);
      }));
  });

  describe("forks()", () => {
    test("returns records as they were given, of one context or of all, by time", () =>
      withStore(async (store) => {
        const late = sampleFork("a", 1, { foundAtNs: 2n ** 63n - 1n, count: 2 ** 50 });
        const early = sampleFork("b", 2 ** 50, {
          foundAtNs: 0n,
          hashes: new Uint8Array(320).fill(7),
          count: 10,
        });
        const between = sampleFork("a", 0, { foundAtNs: 5n, hashes: new Uint8Array(0), winner: noEpoch });
        const same = sampleFork("a", 3, { foundAtNs: 5n, loser: sampleEpoch(2 ** 50, 3) });
        await write(store, { forks: [late, early, same, between] });
        expect(await store.forks(undefined, 10)).toEqual([early, between, same, late]);
        expect(await store.forks("a", 10)).toEqual([between, same, late]);
        expect(await store.forks("a", 1)).toEqual([between]);
        expect(await store.forks(undefined, 2)).toEqual([early, between]);
        expect(await store.forks("c", 10)).toEqual([]);
      }));

    test("has one record for each place and loser: the last that was put", () =>
      withStore(async (store) => {
        const [first, other, later] = [
          sampleFork("c", 5),
          sampleFork("c", 5, { loser: sampleEpoch(1, 3), foundAtNs: 1n }),
          sampleFork("c", 5, { winner: sampleEpoch(9), count: 2, foundAtNs: 2n }),
        ];
        await write(store, { forks: [first, other] });
        await write(store, { forks: [later] });
        expect(await store.forks("c", 10)).toEqual([other, later]);
      }));

    test("keeps the newest of one context, whatever the order they come in", () =>
      withStore(async (store) => {
        const all = Array.from({ length: limits.forksPerContextMax + 3 }, (_, index) =>
          sampleFork("c", index),
        );
        const old = sampleFork("other", 0, { foundAtNs: 1n });
        await write(store, { forks: [...all.toReversed(), old] });
        expect(await store.forks("c", 2000)).toEqual(all.slice(3));
        expect(await store.forks(undefined, 1)).toEqual([old]);
      }));

    test("keeps hashes up to a bound, and the count of all", () =>
      withStore(async (store) => {
        const hashes = new Uint8Array(32 * (limits.forkHashesMax + 1)).map((_, index) => index % 251);
        const fork: ForkRecord = sampleFork("c", 1, { hashes, count: limits.forkHashesMax + 1 });
        await write(store, { forks: [fork] });
        const [kept] = await store.forks("c", 1);
        expect(kept?.count).toBe(limits.forkHashesMax + 1);
        expect(Buffer.compare(kept?.hashes ?? hashes, hashes.subarray(0, 32 * limits.forkHashesMax))).toBe(0);
      }));
  });
}
