/**
 * The part of a packed commit about what a node keeps of contexts with others. `u32 replicas, u32 forks`, then replicas
 * `id, u8 flags (1: leaving, 2: has a digest item), f64 committed, promised, accepted, u16 holders`, the holders' node
 * ids and the digest item, then forks `id, f64 after, f64 count, i64 foundAtNs, winner, loser, u32 hashes` and the
 * hashes. Ids and epochs are those of `packed-fields.ts`.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import { hashBytes } from "../core/hasher.ts";
import { limits } from "../core/limits.ts";
import type { Commit, ForkRecord, Replica } from "../ledger/ports.ts";
import { epochBytesMax, FieldReader, FieldWriter, nodeIdBytes, type PackedEpoch } from "./packed-fields.ts";

/** A replica as the writer binds it. The arrays are views into the packed bytes. */
export interface PackedReplica {
  readonly id: Uint8Array;
  /** Node ids of 16 bytes. */
  readonly holders: Uint8Array;
  readonly promised: PackedEpoch;
  readonly accepted: PackedEpoch;
  readonly committed: number;
  readonly leaving: boolean;
  readonly digestItem: Uint8Array | null;
}

export interface PackedFork {
  readonly id: Uint8Array;
  readonly after: number;
  readonly count: number;
  readonly hashes: Uint8Array;
  readonly winner: PackedEpoch;
  readonly loser: PackedEpoch;
  readonly foundAtNs: bigint;
}

export interface PackedReplicas {
  readonly replicas: readonly PackedReplica[];
  readonly forks: readonly PackedFork[];
}

const countsBytes = 8;
const replicaBytes = 13 + 2 * epochBytesMax + hashBytes;
const forkBytes = 30 + 2 * epochBytesMax;

/** Returns how many bytes this part of a commit takes at most; 0 if the commit has none of it. */
export function replicasBytesMax({ replicas = [], forks = [] }: Commit): number {
  if (replicas.length === 0 && forks.length === 0) return 0;
  let bytes = countsBytes;
  for (const { contextId, holders } of replicas)
    bytes += replicaBytes + 3 * contextId.length + nodeIdBytes * holders.length;
  for (const { contextId, hashes } of forks)
    bytes += forkBytes + 3 * contextId.length + Math.min(hashes.length, hashBytes * limits.forkHashesMax);
  return bytes;
}

/** Writes this part from `start` on and returns where it ends. */
export function packReplicas(bytes: Uint8Array, view: DataView, start: number, commit: Commit): number {
  const { replicas = [], forks = [] } = commit;
  const fields = new FieldWriter(bytes, view, start);
  fields.u32(replicas.length);
  fields.u32(forks.length);
  for (const replica of replicas) packReplica(fields, replica);
  for (const fork of forks) packFork(fields, fork);
  return fields.at;
}

/** Reads this part from `start` on and returns where it ends, too. */
export function unpackReplicas(
  bytes: Uint8Array,
  view: DataView,
  start: number,
): { readonly replicas: PackedReplicas; readonly end: number } {
  const fields = new FieldReader(bytes, view, start);
  const [replicaCount, forkCount] = [fields.u32(), fields.u32()];
  const replicas = fields.list(replicaCount, () => unpackReplica(fields));
  const forks = fields.list(forkCount, () => unpackFork(fields));
  return { replicas: { replicas, forks }, end: fields.at };
}

function packReplica(fields: FieldWriter, replica: Replica): void {
  const { holders, digestItem } = replica;
  assert(holders.length <= limits.holdersMax, "a context has at most holdersMax holders");
  assert(digestItem === undefined || digestItem.length === hashBytes, "a digest item is a SHA-256");
  fields.text(replica.contextId);
  fields.u8((replica.leaving ? 1 : 0) + (digestItem === undefined ? 0 : 2));
  fields.f64(replica.committed);
  fields.epoch(replica.promised);
  fields.epoch(replica.accepted);
  fields.u16(holders.length);
  for (const holder of holders) fields.nodeId(holder);
  if (digestItem !== undefined) fields.raw(digestItem);
}

function unpackReplica(fields: FieldReader): PackedReplica {
  const id = fields.text();
  const flags = fields.u8();
  const committed = fields.f64();
  const [promised, accepted] = [fields.epoch(), fields.epoch()];
  const holders = fields.raw(nodeIdBytes * fields.u16());
  const digestItem = (flags & 2) === 0 ? null : fields.raw(hashBytes);
  return { id, holders, promised, accepted, committed, leaving: (flags & 1) !== 0, digestItem };
}

function packFork(fields: FieldWriter, fork: ForkRecord): void {
  assert(fork.hashes.length % hashBytes === 0, "content hashes are SHA-256");
  const hashes = fork.hashes.subarray(0, hashBytes * limits.forkHashesMax);
  fields.text(fork.contextId);
  fields.f64(fork.after);
  fields.f64(fork.count);
  fields.i64(fork.foundAtNs);
  fields.epoch(fork.winner);
  fields.epoch(fork.loser);
  fields.u32(hashes.length);
  fields.raw(hashes);
}

function unpackFork(fields: FieldReader): PackedFork {
  const id = fields.text();
  const [after, count] = [fields.f64(), fields.f64()];
  const foundAtNs = fields.i64();
  const [winner, loser] = [fields.epoch(), fields.epoch()];
  return { id, after, count, foundAtNs, winner, loser, hashes: fields.raw(fields.u32()) };
}
