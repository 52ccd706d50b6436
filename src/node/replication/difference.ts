/**
 * Where two histories of one context part, and why: a difference is one of histories only if both sides re-verify what
 * differs. Otherwise it is damage, and no reason to take anything for lost.
 *
 * @module
 */

import { LedgerError, quote } from "../../core/errors.ts";
import { rangeDiff } from "../../core/merkle/range-diff.ts";
import { sameBytes } from "../../core/snapshot/same-bytes.ts";
import type { ContextState } from "../../ledger/context-state.ts";
import type { PeerRow, Position } from "../../sync/peer-messages.ts";
import type { ReplicationParts } from "./parts.ts";

export interface Compared {
  readonly contextId: string;
  /** Whose history is compared with. */
  readonly from: string;
  /** Where it ends. */
  readonly target: Position;
}

/**
 * Returns how many entries this node's history and that of another begin with. Cost: O(log n) hashes and, if they part
 * before one of them ends, one entry. Throws DATA_LOSS OWN_COPY_DAMAGED if what differs is damaged here, having marked it,
 * and DATA_LOSS PEER_COPY_DAMAGED if it is there.
 */
export async function commonPrefix(
  parts: ReplicationParts,
  state: ContextState,
  compared: Compared,
  own: Position,
): Promise<number> {
  const { target } = compared;
  if (own.latest === 0 || target.latest === 0) return 0;
  if (own.latest === target.latest && sameBytes(own.root, target.root)) return own.latest;
  const { writes } = parts.replicas.repairs;
  const first = await firstDifference(parts, state, compared, own);
  if (first === undefined) return Math.min(own.latest, target.latest);
  await verifyBoth(parts, state, compared, { common: first, writes });
  return first;
}

const askMs = 10_000;

/** Returns the index of the first leaf that both trees have, and that differs. */
async function firstDifference(
  parts: ReplicationParts,
  state: ContextState,
  { contextId, from, target }: Compared,
  own: Position,
): Promise<number | undefined> {
  const { hasher, replicas, peers } = parts;
  const { writes } = replicas.repairs;
  const diff = rangeDiff({ ownSize: own.latest, otherSize: target.latest }, hasher);
  let step = diff.next();
  while (step.done !== true) {
    const runs = step.value;
    const [mine, theirs] = await Promise.all([
      replicas.nodes(state, own.latest, runs).catch((error: unknown) => ownFailed(parts, state, error)),
      peers
        .call(from, "nodes", { contextId, size: target.latest, runs }, { timeoutMs: askMs })
        .catch((error: unknown) => peerFailed(contextId, from, error)),
    ]);
    step = diff.next({ own: mine, other: theirs.hashes });
  }
  const result = step.value;
  if (result.kind === "compared") return result.differing[0]?.from;
  if (result.side === "other") throw peerDamaged(contextId, from, result.detail);
  if (replicas.repairs.writes !== writes) throw moved(contextId);
  replicas.repairs.treeDamaged(state, result.detail);
  throw ownDamaged(contextId, result.detail);
}

/** Returns if both nodes have, at the place after `common`, an entry that is what it was; throws if not. */
async function verifyBoth(
  parts: ReplicationParts,
  state: ContextState,
  { contextId, from }: Compared,
  { common, writes }: { common: number; writes: number },
): Promise<void> {
  const { replicas, peers } = parts;
  const range = { after: common, through: common + 1, bytesMax: 1 };
  const [mine] = await replicas.repairs
    .sound(state, range)
    .catch((error: unknown) => ownFailed(parts, state, error));
  const { rows } = await peers
    .call(from, "rows", { contextId, ...range }, { timeoutMs: askMs })
    .catch((error: unknown) => peerFailed(contextId, from, error));
  const [theirs] = rows;
  if (mine === undefined || theirs === undefined) throw moved(contextId);
  const problem = problemOf(parts, contextId, common + 1, theirs);
  if (problem !== undefined) throw peerDamaged(contextId, from, `entry ${common + 1}: ${problem}`);
  if (!sameBytes(mine.contentHash, theirs.contentHash)) return;
  // The entries are equal: one of the trees was read while it changed, or is not that of its entries.
  if (replicas.repairs.writes !== writes) throw moved(contextId);
  const detail = `the leaf of entry ${common + 1} is not its hash`;
  replicas.repairs.treeDamaged(state, detail);
  throw ownDamaged(contextId, detail);
}

function problemOf(
  { replicas }: ReplicationParts,
  contextId: string,
  sequence: number,
  row: PeerRow,
): string | undefined {
  const [damaged] = replicas.damagedIn(contextId, [{ ...row, sequence }]);
  return damaged === undefined ? undefined : "its bytes do not have their hash";
}

async function ownFailed(parts: ReplicationParts, state: ContextState, error: unknown): Promise<never> {
  if (!(error instanceof LedgerError) || error.code !== "DATA_LOSS") throw error;
  const { sequence } = error.facts;
  // A hash that cannot be read belongs to an entry that is looked at, so that it is marked.
  if (sequence !== undefined) {
    const range = { after: sequence - 1, through: sequence, bytesMax: 1 };
    await parts.replicas.repairs.sound(state, range).catch(() => {});
  }
  throw ownDamaged(state.id, error.message);
}

function peerFailed(contextId: string, from: string, error: unknown): never {
  if (!(error instanceof LedgerError) || error.code !== "DATA_LOSS") throw error;
  throw peerDamaged(contextId, from, error.message);
}

/** Nothing was changed; it is mended, and compared again. */
function ownDamaged(contextId: string, detail: string): LedgerError {
  const text = `context ${quote(contextId)} is damaged on this node: ${detail}`;
  return new LedgerError("DATA_LOSS", text, {
    ...{ reason: "OWN_COPY_DAMAGED", field: "context_id" },
    remedy: "try again when it has been mended from another copy",
  });
}

/** Nothing was changed: what is damaged is not adopted. */
export function peerDamaged(contextId: string, from: string, detail: string): LedgerError {
  const text = `context ${quote(contextId)} is damaged on node ${from}: ${detail}`;
  return new LedgerError("DATA_LOSS", text, {
    ...{ reason: "PEER_COPY_DAMAGED", field: "context_id" },
    remedy: "try again when it has been mended from another copy",
  });
}

function moved(contextId: string): LedgerError {
  const text = `the copies of context ${quote(contextId)} have changed while they were compared`;
  return new LedgerError("UNAVAILABLE", text, { reason: "PEER_HISTORY_MOVED", remedy: "try again" });
}
