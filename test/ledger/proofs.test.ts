import { describe, expect, test } from "bun:test";
import { hex } from "../../src/core/hex.ts";
import { verifyConsistency } from "../../src/core/merkle/consistency-proof.ts";
import { verifyInclusion } from "../../src/core/merkle/inclusion-proof.ts";
import { limits } from "../../src/core/limits.ts";
import type { ProfileName } from "../../src/core/merkle/tree-profile.ts";
import type { Inclusion } from "../../src/ledger/integrity.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { expectedRoot, leavesOf } from "../support/expected-tree.ts";
import { loadSnapshot, snapshotOf } from "../support/ledger-snapshot.ts";
import {
  append,
  appendBatch,
  appendMany,
  factsOf,
  hasher,
  type LedgerWorld,
  ledgerWorld,
} from "../support/ledger-world.ts";

const context = { kind: "context", contextId: "c" } as const;
/** Around every boundary of tiles of 256, and small ones. */
const sizes = [1, 2, 3, 255, 256, 257, 511, 512, 513, 700];

/** A ledger whose context "c" has `count` entries. */
async function filled(count: number): Promise<LedgerWorld> {
  const world = ledgerWorld();
  await appendMany(world.ledger, "c", count);
  return world;
}

function isProven(inclusion: Inclusion, profile: ProfileName = "rfc6962"): boolean {
  return verifyInclusion(inclusion, profile, hasher);
}

describe("treeHead()", () => {
  test("is the root of the definition at every size", async () => {
    const { ledger } = await filled(700);
    const leaves = await leavesOf(ledger, "c");
    for (const size of [0, ...sizes]) {
      const head = await ledger.integrity.treeHead(context, BigInt(size), "rfc6962");
      expect({ ...head, root: hex(head.root) }).toEqual({
        size,
        root: hex(expectedRoot(leaves.slice(0, size))),
      });
    }
  });

  test("without a size is the newest, whatever was appended how", async () => {
    const { ledger } = await filled(250);
    for (let i = 0; i < 12; i += 1) {
      await append(ledger, "c", { payload: `one ${i}` });
      await appendMany(ledger, "c", 37);
      const leaves = await leavesOf(ledger, "c");
      const { size, root } = await ledger.integrity.treeHead(context, undefined, "rfc6962");
      expect({ size, root: hex(root) }).toEqual({ size: leaves.length, root: hex(expectedRoot(leaves)) });
    }
  });

  test("of a context without entries is that of the empty tree", async () => {
    const { ledger } = ledgerWorld();
    const { size, root } = await ledger.integrity.treeHead(context, undefined, "rfc6962");
    expect({ size, root: hex(root) }).toEqual({ size: 0, root: hex(expectedRoot([])) });
  });

  test("above the newest size is refused", async () => {
    const { ledger } = await filled(3);
    expect(await factsOf(ledger.integrity.treeHead(context, 4n, "rfc6962"))).toMatchObject({
      code: "OUT_OF_RANGE",
      reason: "SIZE_OUT_OF_RANGE",
      field: "tree_size",
      limit: 3,
    });
  });

  test("is the same with subtrees that were stored and with none", async () => {
    const world = await filled(70_000);
    const stored = await world.ledger.integrity.treeHead(context, undefined, "rfc6962");
    const subtreeRoots = world.store.subtreeRoots.bind(world.store);
    expect((await subtreeRoots(1, 1, 0, 1000)).length).toBe(32 * 273);
    expect((await subtreeRoots(1, 2, 0, 10)).length).toBe(32);

    world.store.subtreeRoots = async () => new Uint8Array(0);
    const without = ledgerWorld({ store: world.store, clock: world.clock });
    const computed = await without.ledger.integrity.treeHead(context, undefined, "rfc6962");
    expect(hex(computed.root)).toBe(hex(stored.root));
  });

  test("after a load that adds to the context is that of all entries", async () => {
    const source = await filled(600);
    const snapshot = await snapshotOf(source.ledger, "c");
    const target = ledgerWorld();
    const { ledger } = target;
    await loadSnapshot(ledger, "c", await snapshotOf((await filled(0)).ledger, "c"));
    await loadSnapshot(ledger, "c", snapshot);
    const { root } = await ledger.integrity.treeHead(context, undefined, "rfc6962");
    expect(hex(root)).toBe(hex(expectedRoot(await leavesOf(source.ledger, "c"))));
  });
});

describe("inclusion()", () => {
  test.each(sizes)("proves entries in the tree of %d", async (size) => {
    const { ledger } = await filled(700);
    const leaves = await leavesOf(ledger, "c");
    const root = hex(expectedRoot(leaves.slice(0, size)));
    for (let sequence = 1; sequence <= size; sequence += 1 + Math.floor(size / 40)) {
      const proof = await ledger.integrity.inclusion("c", BigInt(sequence), BigInt(size), "rfc6962");
      expect(hex(proof.root)).toBe(root);
      expect(hex(proof.leaf)).toBe(hex(leaves[sequence - 1] ?? new Uint8Array(0)));
      expect(isProven(proof)).toBe(true);
    }
  });

  test.each(sizes)("proves entries in the seed tree of %d", async (size) => {
    const { ledger } = await filled(700);
    const head = await ledger.integrity.treeHead(context, BigInt(size), "seed");
    for (const sequence of new Set([1, Math.ceil(size / 2), size])) {
      const proof = await ledger.integrity.inclusion("c", BigInt(sequence), BigInt(size), "seed");
      expect(hex(proof.root)).toBe(hex(head.root));
      expect(isProven(proof, "seed")).toBe(true);
    }
  });

  test("in the seed profile has the root of the snapshot", async () => {
    const { ledger } = await filled(513);
    const parts = [];
    for await (const part of ledger.snapshot("c")) if (part.kind === "summary") parts.push(part.summary);
    const head = await ledger.integrity.treeHead(context, undefined, "seed");
    expect(hex(head.root)).toBe(hex(parts[0]?.seedRoot ?? new Uint8Array(0)));
  });

  test.each([
    [0n, undefined, "SEQUENCE_NOT_IN_TREE"],
    [6n, undefined, "SEQUENCE_NOT_IN_TREE"],
    [4n, 3n, "SEQUENCE_NOT_IN_TREE"],
    [2n ** 64n - 1n, undefined, "SEQUENCE_NOT_IN_TREE"],
    [1n, 6n, "SIZE_OUT_OF_RANGE"],
    [1n, 2n ** 64n - 1n, "SIZE_OUT_OF_RANGE"],
  ])("of sequence %p in the tree of %p is refused", async (sequence, size, reason) => {
    const { ledger } = await filled(5);
    expect(await factsOf(ledger.integrity.inclusion("c", sequence, size, "rfc6962"))).toMatchObject({
      code: "OUT_OF_RANGE",
      reason,
    });
  });
});

test("trees of the seed profile are refused when too many wait for one", async () => {
  const { ledger } = await filled(300);
  const outcomes = await Promise.allSettled(
    Array.from({ length: limits.seedTreesWaitingMax + 3 }, () =>
      ledger.integrity.treeHead(context, undefined, "seed"),
    ),
  );
  expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(3);
  expect(await factsOf(Promise.reject((outcomes.at(-1) as PromiseRejectedResult).reason))).toMatchObject({
    code: "UNAVAILABLE",
    reason: "OVERLOADED",
  });
  expect((await ledger.integrity.treeHead(context, undefined, "seed")).size).toBe(300);
});

describe("consistency()", () => {
  test("proves that every size is the beginning of every later one", async () => {
    const { ledger } = await filled(700);
    for (const first of sizes)
      for (const second of sizes.filter((size) => size >= first)) {
        const proof = await ledger.integrity.consistency(context, BigInt(first), BigInt(second));
        expect(verifyConsistency(proof, hasher)).toBe(true);
      }
  });

  test("with sizes that the log does not have is refused", async () => {
    const { ledger } = await filled(5);
    expect(await factsOf(ledger.integrity.consistency(context, 1n, 6n))).toMatchObject({
      code: "OUT_OF_RANGE",
      field: "second_size",
    });
    expect(await factsOf(ledger.integrity.consistency(context, 4n, 3n))).toMatchObject({
      code: "OUT_OF_RANGE",
      field: "first_size",
    });
  });
});

describe("prove()", () => {
  test("proves each acknowledged entry in the tree that ends with it", async () => {
    const { ledger } = ledgerWorld();
    const leaves: Uint8Array[] = [];
    for (let i = 0; i < 300; i += 1) {
      const appended = await append(ledger, "c", { payload: `p${i}` });
      leaves.push(appended.contentHash);
      const [proof] = await ledger.prove("c", [appended]);
      expect(proof?.size).toBe(i + 1);
      expect(hex(proof?.root ?? new Uint8Array(0))).toBe(hex(expectedRoot(leaves)));
      expect(proof !== undefined && isProven(proof)).toBe(true);
    }
  });

  test("proves the entries of batches that are committed together", async () => {
    const { ledger } = await filled(1000);
    const batches = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const appended = await appendBatch(ledger, "c", Array(i + 1).fill({ payload: `b${i}` }));
        return { appended, proofs: await ledger.prove("c", appended) };
      }),
    );
    const leaves = await leavesOf(ledger, "c");
    for (const { appended, proofs } of batches) {
      expect(proofs.map(({ size }) => size)).toEqual(appended.map(({ sequence }) => sequence));
      for (const proof of proofs) {
        expect(hex(proof.root)).toBe(hex(expectedRoot(leaves.slice(0, proof.size))));
        expect(isProven(proof)).toBe(true);
      }
    }
  });

  test("is answered at once after the first time", async () => {
    const { ledger } = await filled(10);
    await ledger.prove("c", [await append(ledger, "c")]);
    expect(ledger.prove("c", [await append(ledger, "c")])).toBeArray();
  });

  test("gives a retry the proof of the first answer", async () => {
    const { ledger } = await filled(10);
    const first = await append(ledger, "c", { idempotencyKey: "k" });
    const [proof] = await ledger.prove("c", [first]);
    await appendMany(ledger, "c", 600);
    const again = await append(ledger, "c", { idempotencyKey: "k" });
    expect(again.duplicate).toBe(true);
    expect(await ledger.prove("c", [again])).toEqual([proof] as Inclusion[]);
  });

  test("goes on after thousands of entries that nobody asked about", async () => {
    const { ledger } = await filled(10);
    await ledger.prove("c", [await append(ledger, "c")]);
    await appendMany(ledger, "c", 10_000);
    const appended = await append(ledger, "c");
    const [proof] = await ledger.prove("c", [appended]);
    const { root } = await ledger.integrity.treeHead(context, undefined, "rfc6962");
    expect(hex(proof?.root ?? new Uint8Array(0))).toBe(hex(root));
  });

  test("goes on after a load has put another log in the place of the context's", async () => {
    const { ledger } = await filled(10);
    await ledger.prove("c", [await append(ledger, "c")]);
    const copy = ledgerWorld();
    await loadSnapshot(copy.ledger, "c", await snapshotOf(ledger, "c"));
    await appendMany(copy.ledger, "c", 300);
    await loadSnapshot(ledger, "c", await snapshotOf(copy.ledger, "c"));
    const [proof] = await ledger.prove("c", [await append(ledger, "c")]);
    expect(proof?.size).toBe(312);
    expect(hex(proof?.root ?? new Uint8Array(0))).toBe(hex(expectedRoot(await leavesOf(ledger, "c"))));
  });
});

test("proofs of a context that was appended to by an earlier process are the same", async () => {
  const world = await filled(513);
  const before = await world.ledger.integrity.inclusion("c", 400n, undefined, "rfc6962");
  const after: Ledger = ledgerWorld({ store: world.store, clock: world.clock }).ledger;
  expect(await after.integrity.inclusion("c", 400n, undefined, "rfc6962")).toEqual(before);
});
