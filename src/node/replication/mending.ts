/**
 * Puts one damaged entry right with what other holders have of it.
 *
 * @module
 */

import { sameEpoch } from "../../core/epoch.ts";
import { asError } from "../../core/as-error.ts";
import { sameBytes } from "../../core/snapshot/same-bytes.ts";
import { copiesRequired } from "../../core/write-copies.ts";
import type { Mending } from "../../ledger/repairs.ts";
import type { Holding, PeerRow } from "../../sync/peer-messages.ts";
import { askHolding } from "./ask-holding.ts";
import type { ContextReplica } from "./context-replica.ts";
import type { ReplicationParts } from "./parts.ts";

export interface Mended {
  readonly mending: Mending;
  /** Whose entry it is now; undefined if what was here was enough. */
  readonly from: string | undefined;
}

interface Offer {
  readonly nodeId: string;
  readonly row: PeerRow;
}

/**
 * Tries what is here, then the other holders that are alive, one after the other; what is received is one entry of each at
 * most. Resolves with the last outcome. Rejects with LedgerError if this node's storage fails.
 */
export async function mendEntry(
  parts: ReplicationParts,
  replica: ContextReplica,
  sequence: number,
  askMs: number,
): Promise<Mended> {
  const { view, peers, log, replicas } = parts;
  const { repairs } = replicas;
  const { contextId, state } = replica;
  let mending = await replica.alone(() => repairs.mendAlone(state, sequence));
  if (mending.kind === "intact") return { mending, from: undefined };
  const others = (replica.terms?.holders ?? []).filter(
    (nodeId) => nodeId !== view.selfId && view.isAlive(nodeId),
  );
  const offers: Offer[] = [];
  for (const nodeId of others) {
    try {
      const range = { contextId, after: sequence - 1, through: sequence, bytesMax: 1 };
      const { rows } = await peers.call(nodeId, "rows", range, { timeoutMs: askMs });
      const [row] = rows;
      if (row === undefined) continue;
      mending = await replica.alone(() => repairs.mend(state, sequence, row, { isVouched: false }));
      if (mending.kind === "intact") return { mending, from: nodeId };
      if (mending.kind === "unproven") offers.push({ nodeId, row });
    } catch (error) {
      log.debug("another holder did not give an entry", {
        ...{ node: view.nameOf(nodeId), error: asError(error).message },
      });
    }
  }
  for (const { nodeId, row } of offers) {
    if (!(await isVouched(parts, replica, { sequence, row, offers, askMs }))) continue;
    mending = await replica.alone(() => repairs.mend(state, sequence, row, { isVouched: true }));
    if (mending.kind === "intact") return { mending, from: nodeId };
  }
  return { mending, from: undefined };
}

/**
 * Returns if it is certain that the history of this node had this entry, though nothing that is left here tells: one who has
 * it follows the same writer, or both had committed it, under rules by which that never changes; or most holders have it.
 */
async function isVouched(
  { peers, rules }: ReplicationParts,
  replica: ContextReplica,
  {
    sequence,
    row,
    offers,
    askMs,
  }: { sequence: number; row: PeerRow; offers: readonly Offer[]; askMs: number },
): Promise<boolean> {
  const { contextId, terms, state } = replica;
  if (terms === undefined) return false;
  const isFinal = rules.writeCopies !== "1" && (state.head?.latest ?? 0) >= sequence;
  const holdings = await Promise.all(
    offers
      .filter((offer) => sameBytes(offer.row.contentHash, row.contentHash))
      .map(async ({ nodeId }): Promise<Holding | undefined> => {
        return await askHolding({ peers }, nodeId, contextId, askMs).catch(() => undefined);
      }),
  );
  const having = holdings.filter(
    (holding): holding is Holding => holding !== undefined && !holding.leaving && holding.latest >= sequence,
  );
  if (having.some(({ accepted }) => sameEpoch(accepted, terms.accepted))) return true;
  const votes = having.filter(({ committed }) => committed >= sequence).length;
  return votes >= (isFinal ? 1 : copiesRequired("majority", terms.holders.length));
}
