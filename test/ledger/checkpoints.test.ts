import { describe, expect, test } from "bun:test";
import { hex } from "../../src/core/hex.ts";
import { verifyConsistency } from "../../src/core/merkle/consistency-proof.ts";
import { verifyInclusion } from "../../src/core/merkle/inclusion-proof.ts";
import { headRecord } from "../../src/core/tlog/head-record.ts";
import type { LogName } from "../../src/ledger/integrity.ts";
import { expectedRoot, leavesOf } from "../support/expected-tree.ts";
import {
  append,
  appendMany,
  factsOf,
  get,
  hasher,
  type LedgerWorld,
  ledgerWorld,
} from "../support/ledger-world.ts";

const context = { kind: "context", contextId: "c/é" } as const;
const node: LogName = { kind: "node" };

async function filled(count: number): Promise<LedgerWorld> {
  const world = ledgerWorld();
  await appendMany(world.ledger, context.contextId, count);
  return world;
}

describe("checkpoint()", () => {
  test("signs the newest size and root under the context's origin", async () => {
    const { ledger, signer } = await filled(5);
    const { size, root, origin, note } = await ledger.integrity.checkpoint(context);
    const expected = expectedRoot(await leavesOf(ledger, context.contextId));
    expect({ size, root: hex(root), origin }).toEqual({
      size: 5,
      root: hex(expected),
      origin: "test.local/n1/c%2F%C3%A9",
    });
    const body = `${origin}\n5\n${Buffer.from(expected).toString("base64")}\n`;
    expect(signer.signed).toEqual([{ origin, body }]);
    expect(note).toStartWith(body);
  });

  test("has on disk what it signs before it signs", async () => {
    const world = await filled(5);
    const order: string[] = [];
    const commit = world.store.commit.bind(world.store);
    world.store.commit = async (what) => {
      const outcome = await commit(what);
      if (what.signed !== undefined) order.push(`stored ${what.signed[0]?.size}`);
      return outcome;
    };
    const sign = world.signer.sign.bind(world.signer);
    world.signer.sign = (origin, body) => {
      order.push("signed");
      return sign(origin, body);
    };
    await world.ledger.integrity.checkpoint(context);
    expect(order).toEqual(["stored 5", "signed"]);
  });

  test("of the same size is stored once, also after a restart", async () => {
    const world = await filled(5);
    await world.ledger.integrity.checkpoint(context);
    let stored = 0;
    const commit = world.store.commit.bind(world.store);
    world.store.commit = (what) => {
      stored += what.signed?.length ?? 0;
      return commit(what);
    };
    await world.ledger.integrity.checkpoint(context);
    await ledgerWorld({ store: world.store, clock: world.clock }).ledger.integrity.checkpoint(context);
    expect(stored).toBe(0);
  });

  test("asked for by many at once covers what each of them has appended", async () => {
    const { ledger } = await filled(5);
    const sizes = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const { sequence } = await append(ledger, context.contextId);
        const { size } = await ledger.integrity.checkpoint(context);
        return size >= sequence;
      }),
    );
    expect(sizes).not.toContain(false);
  });

  test("of a context without entries is NOT_FOUND, and stores nothing", async () => {
    const { ledger, store } = ledgerWorld();
    expect(await factsOf(ledger.integrity.checkpoint(context))).toMatchObject({ code: "NOT_FOUND" });
    expect(await store.signedHead(context.contextId)).toBeUndefined();
  });

  test("is refused if what was signed before is not the beginning any more", async () => {
    const world = await filled(5);
    await world.ledger.integrity.checkpoint(context);
    await append(world.ledger, context.contextId);
    const contentHashes = world.store.contentHashes.bind(world.store);
    world.store.contentHashes = async (...range) => {
      const hashes = await contentHashes(...range);
      hashes[40] = (hashes[40] ?? 0) ^ 1;
      return hashes;
    };
    const { ledger, signer } = ledgerWorld({ store: world.store, clock: world.clock });
    expect(await factsOf(ledger.integrity.checkpoint(context))).toMatchObject({
      code: "DATA_LOSS",
      reason: "SIGNED_HISTORY_CHANGED",
      sequence: 5,
    });
    expect(signer.signed).toEqual([]);
  });
});

describe("evidence()", () => {
  test("proves an entry in the tree of its checkpoint, with the record that it is the hash of", async () => {
    const { ledger } = await filled(300);
    const { inclusion, record, checkpoint } = await ledger.integrity.evidence(context.contextId, 17n);
    expect(checkpoint.size).toBe(300);
    expect(hex(inclusion.root)).toBe(hex(checkpoint.root));
    expect(inclusion.index).toBe(16);
    expect(verifyInclusion(inclusion, "rfc6962", hasher)).toBe(true);
    expect(hex(hasher.sha256(new Uint8Array([0, ...record])))).toBe(hex(inclusion.leaf));
  });

  test.each([0n, 301n, 2n ** 64n - 1n])("of sequence %p signs nothing", async (sequence) => {
    const { ledger, signer } = await filled(300);
    expect(await factsOf(ledger.integrity.evidence(context.contextId, sequence))).toMatchObject({
      code: "OUT_OF_RANGE",
    });
    expect(signer.signed).toEqual([]);
  });
});

describe("the log of logs", () => {
  test("has a leaf for each context that has grown, in the order of their ids", async () => {
    const { ledger, store } = ledgerWorld();
    for (const id of ["b", "a", "é", "Z"]) await append(ledger, id);
    await ledger.updateNodeLog();
    await append(ledger, "a");
    await ledger.updateNodeLog();
    await ledger.updateNodeLog();
    const head = await store.head("");
    const rows = await store.read({
      log: head?.log ?? 0,
      after: 0,
      through: 100,
      entriesMax: 100,
      bytesMax: 1e6,
    });
    const roots = new Map<string, Uint8Array[]>();
    for (const id of ["Z", "a", "b", "é"]) roots.set(id, await leavesOf(ledger, id));
    const expected = ["Z", "a", "b", "é"].map((contextId) => ({ contextId, size: 1 }));
    expect(rows.map(({ wire }) => hex(wire))).toEqual(
      [...expected, { contextId: "a", size: 2 }].map(({ contextId, size }) =>
        hex(
          headRecord({
            contextId,
            size,
            generation: 1,
            root: expectedRoot((roots.get(contextId) ?? []).slice(0, size)),
          }),
        ),
      ),
    );
    for (const { wire, contentHash } of rows)
      expect(hex(contentHash)).toBe(hex(hasher.sha256(new Uint8Array([0, ...wire]))));
  });

  test("is signed under the log name, and is no context", async () => {
    const { ledger, signer } = await filled(3);
    await ledger.updateNodeLog();
    expect(signer.signed.map(({ origin }) => origin)).toEqual(["test.local/n1"]);
    expect((await ledger.list({ prefix: "", startAfter: "", limit: 10 })).contexts).toHaveLength(1);
    expect(await ledger.totals()).toMatchObject({ contexts: 1, entries: 3 });
    expect(await factsOf(get(ledger, ""))).toMatchObject({ reason: "CONTEXT_ID_MISSING" });
  });

  test("is not signed again while nothing has grown", async () => {
    const { ledger, signer } = await filled(3);
    for (let i = 0; i < 3; i += 1) await ledger.updateNodeLog();
    expect(signer.signed).toHaveLength(1);
  });

  test("takes up what an earlier process had not", async () => {
    const world = await filled(3);
    const { ledger } = ledgerWorld({ store: world.store, clock: world.clock });
    await ledger.updateNodeLog();
    expect((await world.store.head(""))?.latest).toBe(1);
  });

  test("proves the newest state of a context", async () => {
    const world = await filled(3);
    const { ledger, clock } = world;
    for (let i = 0; i < 300; i += 1) await append(ledger, `other ${i}`);
    await ledger.updateNodeLog();
    await append(ledger, context.contextId);
    const proving = ledger.integrity.contextEvidence(context.contextId);
    await clock.advance(1000);
    const { head, generation, record, inclusion, checkpoint } = await proving;
    expect({ size: head.size, generation }).toEqual({ size: 4, generation: 1 });
    const { contextId } = context;
    expect(hex(record)).toBe(hex(headRecord({ contextId, generation: 1, size: 4, root: head.root })));
    expect(hex(head.root)).toBe(hex(expectedRoot(await leavesOf(ledger, contextId))));
    expect(verifyInclusion(inclusion, "rfc6962", hasher)).toBe(true);
    expect(hex(inclusion.root)).toBe(hex(checkpoint.root));
    expect(hex(hasher.sha256(new Uint8Array([0, ...record])))).toBe(hex(inclusion.leaf));
  });

  test("only ever grows", async () => {
    const { ledger, clock } = await filled(3);
    await ledger.updateNodeLog();
    const first = await ledger.integrity.treeHead(node, undefined, "rfc6962");
    for (let i = 0; i < 300; i += 1) await append(ledger, `other ${i}`);
    const asked = ledger.integrity.checkpoint(node);
    await clock.advance(1000);
    expect((await asked).size).toBe(301);
    const proof = await ledger.integrity.consistency(node, BigInt(first.size), undefined);
    expect(verifyConsistency(proof, hasher)).toBe(true);
    expect(hex(proof.first.root)).toBe(hex(first.root));
  });

  test("has nothing to say of a context without entries", async () => {
    const { ledger } = await filled(3);
    expect(await factsOf(ledger.integrity.contextEvidence("none"))).toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("tiles", () => {
  test("hold the hashes and records up to the size that was signed", async () => {
    const { ledger } = await filled(600);
    const tile = { level: 0, index: 0, width: 256 };
    expect(await factsOf(ledger.integrity.tile(context, tile))).toMatchObject({
      code: "NOT_FOUND",
      reason: "TILE_NOT_SIGNED",
    });
    await ledger.integrity.checkpoint(context);
    await appendMany(ledger, context.contextId, 300);
    const leaves = await leavesOf(ledger, context.contextId);
    const { bytes, isFull } = await ledger.integrity.tile(context, tile);
    expect({ isFull, bytes: hex(bytes) }).toEqual({
      isFull: true,
      bytes: hex(Buffer.concat(leaves.slice(0, 256))),
    });
    const partial = await ledger.integrity.tile(context, { level: 0, index: 2, width: 88 });
    expect(hex(partial.bytes)).toBe(hex(Buffer.concat(leaves.slice(512, 600))));
    expect(partial.isFull).toBe(false);
    const above = await ledger.integrity.tile(context, { level: 1, index: 0, width: 2 });
    expect(hex(above.bytes)).toBe(
      hex(Buffer.concat([expectedRoot(leaves.slice(0, 256)), expectedRoot(leaves.slice(256, 512))])),
    );
    expect(await factsOf(ledger.integrity.tile(context, { level: 0, index: 2, width: 89 }))).toMatchObject({
      code: "NOT_FOUND",
      limit: 600,
    });
  });

  test("of entries hold records that hash to the leaves", async () => {
    const { ledger } = await filled(300);
    await ledger.integrity.checkpoint(context);
    const leaves = await leavesOf(ledger, context.contextId);
    const { bytes } = await ledger.integrity.entryBundle(context, { index: 1, width: 44 });
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const hashes: string[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = at + 2 + view.getUint16(at);
      hashes.push(hex(hasher.sha256(new Uint8Array([0, ...bytes.subarray(at + 2, end)]))));
      at = end;
    }
    expect(hashes).toEqual(leaves.slice(256).map(hex));
  });
});
