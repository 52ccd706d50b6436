import { compareEpochs, type Epoch, sameEpoch } from "../../core/epoch.ts";
import { LedgerError, quote } from "../../core/errors.ts";
import { hashBytes } from "../../core/hasher.ts";
import { limits } from "../../core/limits.ts";
import { frontierRoot } from "../../core/merkle/frontier.ts";
import { sameBytes } from "../../core/snapshot/same-bytes.ts";
import type { ContextState } from "../../ledger/context-state.ts";
import type { ForkRecord, Replica } from "../../ledger/ports.ts";
import type { PeerRow, Position } from "../../sync/peer-messages.ts";
import { commonPrefix, peerDamaged } from "./difference.ts";
import type { ReplicationParts } from "./parts.ts";
import type { Turns } from "./turns.ts";

export interface AdoptionParts {
  readonly contextId: string;
  /** Whose history it is. */
  readonly from: string;
  readonly target: Position;
  readonly epoch: Epoch;
  /** Returns what is to be written once the history is here. */
  readonly replica: (latest: number) => Replica;
  /** What the node has promised now, and the history it has accepted. */
  readonly current: () => Replica | undefined;
  readonly position: () => Promise<Position>;
  /** Entries of this node have lost their place; `isFork` if some were committed. */
  readonly archived: (isFork: boolean) => void;
}

/**
 * Takes the history of another node: finds where it parts from this node's, archives what is beyond, and pulls the rest,
 * which counts when all of it is here and has the root that was promised. Cost: O(log n) hashes and what is missing.
 * Holds a turn only while something is written. Throws LedgerError, with the history of this node as it was or shorter; as
 * it was if histories seem to differ because one of them is damaged.
 */
export async function adopt(
  parts: ReplicationParts,
  turns: Turns,
  state: ContextState,
  adoption: AdoptionParts,
): Promise<void> {
  const { target, epoch } = adoption;
  // What this node took as the home until now may be on its way to the disk: it is not the sender's.
  await state.shared?.idle();
  const own = await adoption.position();
  // Within one epoch there is one writer: what is here is the beginning of its history, or goes beyond what it told.
  const accepted = adoption.current()?.accepted;
  const isContinued = accepted !== undefined && sameEpoch(accepted, epoch);
  if (isContinued && own.latest > target.latest) return;
  if (isContinued && own.latest === target.latest) {
    if (sameBytes(own.root, target.root)) return;
    // Its history cannot differ, so a copy is damaged: this finds out which.
    await commonPrefix(parts, state, adoption, own);
    throw wrongRoot(adoption);
  }
  const common = isContinued ? own.latest : await commonPrefix(parts, state, adoption, own);
  if (own.latest > common) {
    const isFork = await turns.run(async () => {
      checkPromise(adoption);
      await state.shared?.idle();
      return await cut(parts, state, adoption, common);
    });
    adoption.archived(isFork);
  }
  if (target.latest === common) {
    await turns.run(async () => {
      checkPromise(adoption);
      await parts.replicas.save(state, adoption.replica(target.latest));
    });
    return;
  }
  const staged = parts.replicas.stage(state);
  try {
    let after = common;
    while (after < target.latest) {
      const rows = await rowsAfter(parts, adoption, after);
      checkPromise(adoption);
      await staged.add(rows).catch((error: unknown) => rowsRefused(parts, adoption, error));
      after += rows.length;
      await parts.clock.yield();
    }
    const { frontier } = staged;
    if (frontier === undefined || !sameBytes(frontierRoot(frontier, "rfc6962", parts.hasher), target.root)) {
      // If what was here before is not the beginning of that history, it is damaged here or there.
      if (common > 0) await commonPrefix(parts, state, adoption, own);
      throw wrongRoot(adoption);
    }
    await turns.run(async () => {
      checkPromise(adoption);
      await staged.publish(adoption.replica(target.latest));
    });
  } finally {
    staged.discard();
  }
}

const rowsMs = 10_000;

async function rowsAfter(
  { peers, timing }: ReplicationParts,
  adoption: AdoptionParts,
  after: number,
): Promise<readonly PeerRow[]> {
  const { contextId, from, target } = adoption;
  const range = { contextId, after, through: target.latest, bytesMax: limits.replicaPageBytes };
  try {
    const { rows } = await peers.call(from, "rows", range, { timeoutMs: timing?.replicateMs ?? rowsMs });
    if (rows.length === 0 || rows.length > target.latest - after) throw outOfReach(adoption, after);
    return rows;
  } catch (error) {
    if (!(error instanceof LedgerError) || error.code !== "DATA_LOSS") throw error;
    throw peerDamaged(contextId, from, error.message);
  }
}

/** Lets the other node look at an entry that is not what its hash says, so that it finds out about its copy. */
async function rowsRefused(
  { peers }: ReplicationParts,
  { contextId, from }: AdoptionParts,
  error: unknown,
): Promise<never> {
  if (!(error instanceof LedgerError) || error.facts.reason !== "PEER_ROWS_INVALID") throw error;
  const { sequence = 1 } = error.facts;
  const range = { contextId, after: sequence - 1, through: sequence, bytesMax: 1 };
  await peers.call(from, "rows", range, { timeoutMs: rowsMs }).catch(() => {});
  throw peerDamaged(contextId, from, error.message);
}

/**
 * Archives what this node has beyond `common`, because the history of `epoch` stands. Nothing may be queued. Returns if some of
 * that was committed.
 */
export async function cut(
  parts: ReplicationParts,
  state: ContextState,
  { contextId, epoch, current }: Pick<AdoptionParts, "contextId" | "epoch" | "current">,
  common: number,
): Promise<boolean> {
  const replica = current();
  const latest = state.local?.latest ?? 0;
  if (replica === undefined || latest <= common) return false;
  // Of what one copy is enough for, everything that is here counts: how far that is may not have been written yet.
  const seen = Math.max(replica.committed, state.head?.latest ?? 0);
  const wasCommitted = seen > common || parts.rules.writeCopies === "1";
  const shorter = { ...replica, committed: Math.min(replica.committed, common), digestItem: undefined };
  const fork = wasCommitted
    ? await forkRecord(parts, state, { contextId, common, winner: epoch }, replica)
    : undefined;
  parts.log.debug("entries lost their place to another history", { context: contextId, after: common });
  if (fork !== undefined)
    parts.log.warn("a fork was settled: acknowledged entries lost their place and follow as new ones", {
      entries: latest - common,
    });
  await parts.replicas.truncate(state, common, { replica: shorter, fork });
  return fork !== undefined;
}

async function forkRecord(
  { replicas, clock }: ReplicationParts,
  state: ContextState,
  { contextId, common, winner }: { contextId: string; common: number; winner: Epoch },
  { accepted }: Replica,
): Promise<ForkRecord> {
  const rows = await replicas.rows(state, {
    ...{ after: common, through: common + limits.forkHashesMax },
    bytesMax: Number.MAX_SAFE_INTEGER,
  });
  const hashes = new Uint8Array(hashBytes * rows.length);
  for (const [index, { contentHash }] of rows.entries()) hashes.set(contentHash, hashBytes * index);
  const count = (state.local?.latest ?? common) - common;
  return { contextId, after: common, count, hashes, winner, loser: accepted, foundAtNs: clock.nowNs() };
}

/** Throws UNAVAILABLE if a later writer was promised in the meantime. */
function checkPromise({ contextId, epoch, current }: AdoptionParts): void {
  const promised = current()?.promised;
  if (promised === undefined || compareEpochs(promised, epoch) <= 0) return;
  throw new LedgerError("UNAVAILABLE", `another node has taken over context ${quote(contextId)}`, {
    ...{ reason: "DEPOSED", remedy: "try again", retryAfterMs: 100 },
  });
}

function outOfReach({ contextId, from }: AdoptionParts, after: number): LedgerError {
  const text = `node ${from} does not have the entries after ${after} of context ${quote(contextId)} any more`;
  return new LedgerError("UNAVAILABLE", text, { reason: "PEER_HISTORY_MOVED", remedy: "try again" });
}

function wrongRoot({ contextId, from, target }: AdoptionParts): LedgerError {
  const text = `the ${target.latest} entries of context ${quote(contextId)} on node ${from} do not have the root it told`;
  return new LedgerError("DATA_LOSS", text, {
    reason: "PEER_ROOT_DIFFERS",
    remedy: "verify the context there",
  });
}
