import { compareEpochs, type Epoch } from "../../core/epoch.ts";
import type { LedgerError } from "../../core/errors.ts";
import { promisesRequired } from "../../core/write-copies.ts";
import type { HolderChange } from "../../sync/holder-change.ts";
import type { Lead } from "../../sync/lead.ts";
import type { Position } from "../../sync/peer-messages.ts";
import type { Candidate } from "../../sync/takeover.ts";
import { delay, type ReplicationParts, replicationTiming } from "./parts.ts";
import { askForPromises } from "./promise-round.ts";
import { deposed, tooFewHolders } from "./refusals.ts";

/** Copies that a newcomer makes of a context that grows, and what may be missing then while appends wait for the rest. */
const copiesMax = 8;
const fewEntries = 1000;

/** The home of a context, as far as a change of its holders concerns it. */
export interface HolderTransfer {
  readonly contextId: string;
  readonly change: HolderChange;
  readonly lead: Lead;
  /** True once this node is not the writer any more under `lead`. */
  readonly isOver: () => boolean;
  readonly position: () => Promise<Position>;
  /** Takes no entries until this is over; resolves when those that were taken are on disk. */
  readonly pause: () => Promise<void>;
  /** Promises itself a new epoch. */
  readonly promise: () => Promise<{ readonly epoch: Epoch; readonly own: Candidate }>;
  readonly seen: (epoch: Epoch) => void;
  /** Writes the new holders, accepted under the new epoch. */
  readonly store: (epoch: Epoch) => Promise<void>;
  /** Becomes the writer under the new epoch. */
  readonly start: (epoch: Epoch, position: Position) => Promise<void>;
  /** The newcomer has made the context itself, with the same counter: only a takeover puts one history above the other. */
  readonly madeElsewhere: () => void;
}

/** Lets a newcomer copy the context while appends go on, until what is missing is little. Rejects with UNAVAILABLE. */
export async function copyToNewcomer(parts: ReplicationParts, transfer: HolderTransfer): Promise<void> {
  const { adoptMs } = parts.timing ?? replicationTiming;
  for (let copies = 0, copied = 0; copies < copiesMax; copies += 1) {
    const target = await transfer.position();
    if (copies > 0 && target.latest - copied < fewEntries) return;
    await copyUpTo(parts, transfer, target, adoptMs);
    copied = target.latest;
  }
}

/**
 * Lets one holder come or go: entries wait, the holders promise a new epoch, and the new holders are stored under it. They
 * count once enough of the old ones and enough of the new ones know them: any of these that are enough have one in common
 * with any others, so that no writer begins without knowing. Who goes is told last, when enough others know already: it
 * promises nothing from then on, which must not happen for a change that nobody else may have heard of. Rejects with
 * UNAVAILABLE.
 */
export async function transferHolders(parts: ReplicationParts, transfer: HolderTransfer): Promise<void> {
  const { peers, view, rules, timing = replicationTiming } = parts;
  const { contextId, lead, change, seen } = transfer;
  const { holders } = change;
  const isEnough = (of: readonly string[], those: (nodeId: string) => boolean): boolean =>
    of.filter(those).length >= promisesRequired(rules.writeCopies, of.length);

  await transfer.pause();
  // What an earlier writer left must be there under this epoch, or two changes could pass each other by.
  await untilHeld();
  const position = await transfer.position();
  if (change.kind === "add") await copyUpTo(parts, transfer, position, timing.stallMs);
  if (transfer.isOver()) throw deposed(contextId);

  const { epoch, own } = await transfer.promise();
  const round = { contextId, epoch, holders: lead.holders, own, seen };
  const { candidates } = await askForPromises(parts, round);
  if (candidates.some(({ accepted }) => compareEpochs(accepted, lead.epoch) > 0)) throw deposed(contextId);
  await transfer.store(epoch);

  const told = new Set([view.selfId]);
  const request = { contextId, epoch, holders, position };
  const isToldEnough = (): boolean =>
    [lead.holders, holders].every((of) => isEnough(of, (nodeId) => told.has(nodeId)));
  const knowsEnough = (): boolean => isEnough(holders, (nodeId) => told.has(nodeId));
  const asked = new Set<Promise<void>>();
  for (const nodeId of holders) if (nodeId !== view.selfId) tell(nodeId);
  await answersUntil(knowsEnough);
  if (!knowsEnough()) throw notEnough(parts, transfer);
  if (change.kind === "remove") tell(change.nodeId);
  await answersUntil(isToldEnough);
  if (!isToldEnough()) throw notEnough(parts, transfer);
  await transfer.start(epoch, position);

  function tell(nodeId: string): void {
    const answered = peers
      .call(nodeId, "holders", request, { timeoutMs: timing.askMs })
      .then(({ kind }) => void (kind === "stored" && told.add(nodeId)))
      .catch(() => {})
      .finally(() => void asked.delete(answered));
    asked.add(answered);
  }

  /** Resolves once it is so, or nobody will answer any more. */
  async function answersUntil(isSo: () => boolean): Promise<void> {
    while (!isSo() && asked.size > 0) await Promise.race(asked);
  }

  async function untilHeld(): Promise<void> {
    const { clock } = parts;
    const giveUpMs = clock.monotonicMs() + timing.stallMs;
    const hasAll = (nodeId: string): boolean =>
      nodeId === view.selfId || lead.ackedBy(nodeId) === lead.latest;
    const staying = holders.filter((nodeId) => lead.holders.includes(nodeId));
    const required = promisesRequired(rules.writeCopies, holders.length) - (change.kind === "add" ? 1 : 0);
    while (!isEnough(lead.holders, hasAll) || staying.filter(hasAll).length < required) {
      if (transfer.isOver()) throw deposed(contextId);
      if (clock.monotonicMs() >= giveUpMs) throw notEnough(parts, transfer);
      await delay(clock, timing.markMs);
    }
  }
}

/** Its copy does not count before the newcomer is told that it is a holder. */
async function copyUpTo(
  parts: ReplicationParts,
  transfer: HolderTransfer,
  target: Position,
  timeoutMs: number,
): Promise<void> {
  const { contextId, lead, change } = transfer;
  const { epoch, holders, committed } = lead;
  const copy = { contextId, epoch, holders, target, committed };
  const answer = await parts.peers.call(change.nodeId, "adopt", copy, { timeoutMs });
  if (answer.kind === "stored" && answer.latest >= target.latest) return;
  if (answer.kind === "refused") transfer.seen(answer.promised);
  if (answer.kind === "refused" || (answer.kind === "not-holder" && epoch.counter === 1))
    transfer.madeElsewhere();
  throw notEnough(parts, transfer);
}

function notEnough({ rules, view }: ReplicationParts, { contextId, change }: HolderTransfer): LedgerError {
  return tooFewHolders(contextId, change.holders, rules, view);
}
