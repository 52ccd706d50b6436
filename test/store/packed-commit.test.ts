import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeUtf8 } from "../../src/core/utf8.ts";
import type { Epoch } from "../../src/core/epoch.ts";
import { limits } from "../../src/core/limits.ts";
import type {
  Commit,
  DamageMark,
  Drop,
  ForkRecord,
  Head,
  HeadChange,
  NewRow,
  NewSubtree,
  Replica,
  RosterMember,
  SignedHead,
  Truncation,
} from "../../src/ledger/ports.ts";
import { packCommit, unpackCommit } from "../../src/store/packed-commit.ts";

const safe = fc.maxSafeNat();
const text = fc.string({ unit: "binary", maxLength: 200 });
const int64 = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const head: fc.Arbitrary<Head> = fc.record({
  log: safe,
  latest: safe,
  lamport: int64,
  appendedAtNs: int64,
  bytes: safe,
  createdAtNs: int64,
});
const row: fc.Arbitrary<NewRow> = fc.record({
  log: safe,
  sequence: safe,
  key: text,
  findableId: fc.option(text, { nil: undefined }),
  contentHash: fc.uint8Array({ maxLength: 40 }),
  wire: fc.uint8Array({ maxLength: 300 }),
});
const headChange: fc.Arbitrary<HeadChange> = fc.record({
  contextId: text,
  from: fc.option(head, { nil: undefined }),
  to: head,
});
const root = fc.uint8Array({ minLength: 32, maxLength: 32 });
const subtree: fc.Arbitrary<NewSubtree> = fc.record({
  log: safe,
  level: fc.integer({ min: 1, max: 6 }),
  index: safe,
  root,
});
const signedHead: fc.Arbitrary<SignedHead> = fc.record({
  contextId: text,
  generation: safe,
  size: safe,
  root,
});
const damageMark: fc.Arbitrary<DamageMark> = fc.record({ log: safe, sequence: safe, damaged: fc.boolean() });
const nodeId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((id) => id.toHex());
const member: fc.Arbitrary<RosterMember> = fc.record({
  nodeId,
  name: text,
  gossipAddress: text,
  rpcAddress: fc.option(text, { nil: undefined }),
  firstSeenMs: safe,
  lastAliveMs: safe,
});
const epoch: fc.Arbitrary<Epoch> = fc.record({ counter: safe, nodeId: fc.oneof(nodeId, fc.constant("")) });
const replica: fc.Arbitrary<Replica> = fc.record({
  contextId: text,
  holders: fc.array(nodeId, { maxLength: 5 }),
  promised: epoch,
  accepted: epoch,
  committed: safe,
  leaving: fc.boolean(),
  digestItem: fc.option(root, { nil: undefined }),
});
const truncation: fc.Arbitrary<Truncation> = fc
  .record({
    contextId: text,
    from: head,
    to: fc.option(head, { nil: undefined }),
    archive: safe,
    accepted: epoch,
    archivedAtNs: int64,
  })
  .map(({ from, to, ...rest }) => ({ ...rest, from, to: to && { ...to, log: from.log } }));
const drop: fc.Arbitrary<Drop> = fc.record({ contextId: text, from: fc.option(head, { nil: undefined }) });
const fork: fc.Arbitrary<ForkRecord> = fc.record({
  contextId: text,
  after: safe,
  count: safe,
  hashes: fc.array(root, { maxLength: 3 }).map((hashes) => new Uint8Array(Buffer.concat(hashes))),
  winner: epoch,
  loser: epoch,
  foundAtNs: int64,
});
const rowsAndHeads = {
  rows: fc.array(row, { maxLength: 20 }),
  heads: fc.array(headChange, { maxLength: 5 }),
};
const commit: fc.Arbitrary<Commit> = fc.oneof(
  fc.record(rowsAndHeads),
  fc.record(
    {
      ...rowsAndHeads,
      repairs: fc.array(row, { maxLength: 5 }),
      subtrees: fc.array(subtree, { maxLength: 5 }),
      signed: fc.array(signedHead, { maxLength: 5 }),
      logged: fc.array(fc.record({ contextId: text, size: safe }), { maxLength: 5 }),
      damage: fc.array(damageMark, { maxLength: 5 }),
      roster: fc.record({
        put: fc.array(member, { maxLength: 5 }),
        remove: fc.array(nodeId, { maxLength: 5 }),
      }),
      gossipIncarnation: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      replicas: fc.array(replica, { maxLength: 5 }),
      truncations: fc.array(truncation, { maxLength: 5 }),
      drops: fc.array(drop, { maxLength: 5 }),
      settled: fc.array(safe, { maxLength: 5 }),
      forks: fc.array(fork, { maxLength: 5 }),
    },
    { requiredKeys: ["rows", "heads"] },
  ),
);

/** What unpacking must give, worked out without packing. */
function unpacked(commit: Commit) {
  const { rows, heads, repairs = [], subtrees = [], signed = [], logged = [], damage = [] } = commit;
  const integrity = {
    subtrees,
    signed: signed.map(({ contextId, ...rest }) => ({ ...rest, id: encodeUtf8(contextId) })),
    logged: logged.map(({ contextId, size }) => ({ id: encodeUtf8(contextId), size })),
    damage,
  };
  const hasIntegrity = Object.values(integrity).some((list) => list.length > 0);
  return {
    integrity: hasIntegrity ? integrity : undefined,
    roster: unpackedRoster(commit),
    removals: unpackedRemovals(commit),
    replicas: unpackedReplicas(commit),
    rows: rows.map(unpackedRow),
    repairs: repairs.length === 0 ? undefined : repairs.map(unpackedRow),
    heads: heads.map(({ contextId, from, to }) => ({
      id: encodeUtf8(contextId),
      from: from && baseOf(from),
      to,
    })),
  };
}

const unpackedRow = ({ key, findableId, ...rest }: NewRow) => ({
  ...rest,
  key: encodeUtf8(key),
  id: findableId === undefined ? null : encodeUtf8(findableId),
});
const baseOf = ({ log, latest, bytes }: Head) => ({ log, latest, bytes });
const packedEpoch = (of: Epoch) => ({ counter: of.counter, nodeId: Uint8Array.fromHex(of.nodeId) });

function unpackedRemovals({ truncations = [], drops = [], settled = [] }: Commit) {
  if (truncations.length === 0 && drops.length === 0 && settled.length === 0) return undefined;
  return {
    truncations: truncations.map(({ contextId, from, accepted, ...rest }) => ({
      ...rest,
      id: encodeUtf8(contextId),
      from: baseOf(from),
      accepted: packedEpoch(accepted),
    })),
    drops: drops.map(({ contextId, from }) => ({ id: encodeUtf8(contextId), from: from && baseOf(from) })),
    settled,
  };
}

function unpackedReplicas({ replicas = [], forks = [] }: Commit) {
  if (replicas.length === 0 && forks.length === 0) return undefined;
  return {
    replicas: replicas.map(({ contextId, holders, promised, accepted, digestItem, ...rest }) => ({
      ...rest,
      id: encodeUtf8(contextId),
      holders: Uint8Array.fromHex(holders.join("")),
      promised: packedEpoch(promised),
      accepted: packedEpoch(accepted),
      digestItem: digestItem ?? null,
    })),
    forks: forks.map(({ contextId, winner, loser, ...rest }) => ({
      ...rest,
      id: encodeUtf8(contextId),
      winner: packedEpoch(winner),
      loser: packedEpoch(loser),
    })),
  };
}

function unpackedRoster({ roster: { put, remove } = { put: [], remove: [] }, gossipIncarnation }: Commit) {
  if (put.length === 0 && remove.length === 0 && gossipIncarnation === undefined) return undefined;
  return {
    incarnation: gossipIncarnation ?? 0,
    put: put.map(({ nodeId: id, name, gossipAddress, rpcAddress, ...times }) => ({
      ...times,
      id: Uint8Array.fromHex(id),
      name: encodeUtf8(name),
      gossipAddress: encodeUtf8(gossipAddress),
      rpcAddress: rpcAddress === undefined ? null : encodeUtf8(rpcAddress),
    })),
    remove: remove.map((id) => Uint8Array.fromHex(id)),
  };
}

describe("packCommit() and unpackCommit()", () => {
  test("give back any commit, also from a buffer that was used before", () => {
    let spare: ArrayBuffer | undefined;
    fc.assert(
      fc.property(commit, (sample) => {
        spare = packCommit(sample, spare, 1024);
        expect(unpackCommit(spare)).toEqual(unpacked(sample));
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  test("use the spare buffer only if the commit fits", () => {
    const spare = new ArrayBuffer(100);
    const empty = { rows: [], heads: [] };
    const large = { log: 1, sequence: 1, key: "k", findableId: undefined, contentHash: new Uint8Array(32) };
    expect(packCommit(empty, spare, 0)).toBe(spare);
    expect(packCommit({ rows: [{ ...large, wire: new Uint8Array(100) }], heads: [] }, spare, 0)).not.toBe(
      spare,
    );
  });

  test.each(["", "00", "0".repeat(31), "g".repeat(32), "A".repeat(32), "0".repeat(34)])(
    "take no node id like %p",
    (id) => {
      const roster = { put: [], remove: [id] };
      expect(() => packCommit({ rows: [], heads: [], roster }, undefined, 0)).toThrow("32 hex digits");
    },
  );

  test("take no more holders than a context may have", () => {
    const none = { counter: 0, nodeId: "" };
    const holders = Array.from({ length: limits.holdersMax + 1 }, () => "0".repeat(32));
    const replicas = [
      {
        contextId: "c",
        holders,
        promised: none,
        accepted: none,
        committed: 0,
        leaving: false,
        digestItem: undefined,
      },
    ];
    expect(() => packCommit({ rows: [], heads: [], replicas }, undefined, 0)).toThrow("holdersMax");
  });

  test("cut what is too many of a fork's hashes", () => {
    const none = { counter: 0, nodeId: "" };
    const hashes = new Uint8Array(32 * (limits.forkHashesMax + 1)).fill(7);
    const forks = [{ contextId: "c", after: 0, count: 9, hashes, winner: none, loser: none, foundAtNs: 0n }];
    const unpackedCommit = unpackCommit(packCommit({ rows: [], heads: [], forks }, undefined, 0));
    expect(unpackedCommit.replicas?.forks[0]?.hashes.length).toBe(32 * limits.forkHashesMax);
  });
});
