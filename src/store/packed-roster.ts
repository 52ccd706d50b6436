/**
 * The part of a packed commit about the cluster, which few commits have. `f64 incarnation (0: none), u32 put,
 * u32 remove`, then members `16 node id, f64 firstSeenMs, f64 lastAliveMs, u16 name, u16 gossip address,
 * u16 rpc address (65535: none)` and their texts, and node ids of 16 bytes.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import { unhex } from "../core/hex.ts";
import { writeUtf8 } from "../core/utf8.ts";
import type { Commit, RosterMember } from "../ledger/ports.ts";

/** A member as the writer binds it. The arrays are views into the packed bytes. */
export interface PackedMember {
  readonly id: Uint8Array;
  readonly name: Uint8Array;
  readonly gossipAddress: Uint8Array;
  readonly rpcAddress: Uint8Array | null;
  readonly firstSeenMs: number;
  readonly lastAliveMs: number;
}

export interface PackedRoster {
  /** 0 if the commit has none. */
  readonly incarnation: number;
  readonly put: readonly PackedMember[];
  readonly remove: readonly Uint8Array[];
}

const countsBytes = 16;
const idBytes = 16;
const memberBytes = idBytes + 22;
const noText = 65_535;

/** Returns how many bytes this part of a commit takes at most; 0 if the commit has none of it. */
export function rosterBytesMax({ roster, gossipIncarnation }: Commit): number {
  const { put, remove } = roster ?? { put: [], remove: [] };
  if (put.length === 0 && remove.length === 0 && gossipIncarnation === undefined) return 0;
  let bytes = countsBytes + idBytes * remove.length;
  for (const { name, gossipAddress, rpcAddress } of put) {
    bytes += memberBytes + 3 * (name.length + gossipAddress.length + (rpcAddress?.length ?? 0));
  }
  return bytes;
}

/** Writes this part from `start` on and returns where it ends. */
export function packRoster(bytes: Uint8Array, view: DataView, start: number, commit: Commit): number {
  const { put, remove } = commit.roster ?? { put: [], remove: [] };
  view.setFloat64(start, commit.gossipIncarnation ?? 0, true);
  view.setUint32(start + 8, put.length, true);
  view.setUint32(start + 12, remove.length, true);
  let at = start + countsBytes;
  for (const member of put) at = packMember(bytes, view, at, member);
  for (const nodeId of remove) at = packId(bytes, at, nodeId);
  return at;
}

/** Reads this part from `start` on and returns where it ends, too. */
export function unpackRoster(
  bytes: Uint8Array,
  view: DataView,
  start: number,
): { readonly roster: PackedRoster; readonly end: number } {
  const put: PackedMember[] = [];
  const remove: Uint8Array[] = [];
  let at = start + countsBytes;
  for (let left = view.getUint32(start + 8, true); left > 0; left -= 1)
    at = unpackMember(bytes, view, at, put);
  for (let left = view.getUint32(start + 12, true); left > 0; left -= 1) {
    remove.push(bytes.subarray(at, at + idBytes));
    at += idBytes;
  }
  return { roster: { incarnation: view.getFloat64(start, true), put, remove }, end: at };
}

function packMember(bytes: Uint8Array, view: DataView, start: number, member: RosterMember): number {
  const timesAt = packId(bytes, start, member.nodeId);
  const { name, gossipAddress, rpcAddress } = member;
  view.setFloat64(timesAt, member.firstSeenMs, true);
  view.setFloat64(timesAt + 8, member.lastAliveMs, true);
  let at = start + memberBytes;
  for (const [index, text] of [name, gossipAddress, rpcAddress].entries()) {
    const end = text === undefined ? at : writeUtf8(bytes, at, text);
    assert(end - at < noText, "names and addresses are far below 64 KiB");
    view.setUint16(timesAt + 16 + 2 * index, text === undefined ? noText : end - at, true);
    at = end;
  }
  return at;
}

function unpackMember(bytes: Uint8Array, view: DataView, start: number, put: PackedMember[]): number {
  const timesAt = start + idBytes;
  const lengthOf = (text: number) => view.getUint16(timesAt + 16 + 2 * text, true);
  const nameAt = start + memberBytes;
  const gossipAt = nameAt + lengthOf(0);
  const rpcAt = gossipAt + lengthOf(1);
  const end = lengthOf(2) === noText ? rpcAt : rpcAt + lengthOf(2);
  put.push({
    id: bytes.subarray(start, timesAt),
    name: bytes.subarray(nameAt, gossipAt),
    gossipAddress: bytes.subarray(gossipAt, rpcAt),
    rpcAddress: lengthOf(2) === noText ? null : bytes.subarray(rpcAt, end),
    firstSeenMs: view.getFloat64(timesAt, true),
    lastAliveMs: view.getFloat64(timesAt + 8, true),
  });
  return end;
}

function packId(bytes: Uint8Array, at: number, nodeId: string): number {
  const id = unhex(nodeId);
  assert(id?.length === idBytes, "a node id is 32 hex digits");
  bytes.set(id, at);
  return at + idBytes;
}
