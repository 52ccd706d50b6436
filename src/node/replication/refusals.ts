import { LedgerError, quote } from "../../core/errors.ts";
import { copiesRequired } from "../../core/write-copies.ts";
import type { Lead } from "../../sync/lead.ts";
import type { ClusterView, CopyRules } from "../../sync/view.ts";

const retryAfterMs = 200;

/** Another node is the home of the context, as this node sees it. */
export function notHome(contextId: string): LedgerError {
  return new LedgerError("UNAVAILABLE", `this node is not the home of context ${quote(contextId)}`, {
    ...{ reason: "NOT_HOME", field: "context_id", value: contextId.slice(0, 64) },
    ...{ remedy: "try again", retryAfterMs },
  });
}

/** Another node became the writer while this one tried to. */
export function deposed(contextId: string): LedgerError {
  return new LedgerError("UNAVAILABLE", `another node is taking over context ${quote(contextId)}`, {
    ...{ reason: "DEPOSED", remedy: "try again", retryAfterMs },
  });
}

/** Another node became the writer while entries waited: nobody knows if they stand. */
export function isBelow(contextId: string): LedgerError {
  const text = `another node has taken over context ${quote(contextId)}; the entry may or may not stand`;
  return new LedgerError("UNAVAILABLE", text, {
    ...{ reason: "OUTCOME_UNKNOWN", remedy: "try again with the same idempotency_key", retryAfterMs },
  });
}

/** Nothing was written. */
export function tooFewHolders(
  contextId: string,
  holders: readonly string[],
  rules: CopyRules,
  view: ClusterView,
): LedgerError {
  const required = copiesRequired(rules.writeCopies, holders.length);
  const missing = holders.filter((nodeId) => !view.isAlive(nodeId)).map((nodeId) => view.nameOf(nodeId));
  const who = missing.length > 0 ? `; dead: ${missing.slice(0, 8).join(", ")}` : "";
  const text = `context ${quote(contextId)} needs ${required} of its ${holders.length} holders, and not so many answer${who}`;
  return new LedgerError("UNAVAILABLE", text, {
    ...{
      reason: "TOO_FEW_COPIES",
      field: "context_id",
      value: holders.length - missing.length,
      limit: required,
    },
    ...{ remedy: "bring the holders back, or try again", retryAfterMs: 1000 },
  });
}

/** Something was written here, and not to enough others in time. */
export function copiesMissing(contextId: string, lead: Lead, waitedMs: number): LedgerError {
  const copies = lead.copiesOf(lead.committed + 1);
  const text =
    `the entry is on ${copies} of the ${lead.required} holders of context ${quote(contextId)} that it needs ` +
    `after ${waitedMs} ms; it may or may not stand`;
  return new LedgerError("UNAVAILABLE", text, {
    ...{ reason: "OUTCOME_UNKNOWN", value: copies, limit: lead.required },
    ...{ remedy: "try again with the same idempotency_key", retryAfterMs: 1000 },
  });
}

/** The entry is committed, and not on as many nodes as its client wants. */
export function minCopiesMissing(
  contextId: string,
  { sequence, copies, minCopies }: { sequence: number; copies: number; minCopies: number },
): LedgerError {
  const text = `entry ${sequence} of context ${quote(contextId)} is on ${copies} nodes so far, min_copies is ${minCopies}`;
  return new LedgerError("UNAVAILABLE", text, {
    ...{ reason: "MIN_COPIES_NOT_REACHED", field: "min_copies", value: copies, limit: minCopies, sequence },
    ...{ remedy: "try again with the same idempotency_key", retryAfterMs: 1000 },
  });
}

/** This node belongs to a cluster it has not heard from since it started. */
export function notExchanged(): LedgerError {
  return new LedgerError("UNAVAILABLE", "this node has not heard from its cluster since it started", {
    ...{ reason: "NOT_JOINED", retryAfterMs: 1000 },
    remedy: "start one of the other nodes, or start this one without --join and with an empty roster",
  });
}

/** Nothing was written: the copy of this node, or the one that stands, is damaged, and is mended first. */
export function copyDamaged(contextId: string): LedgerError {
  return new LedgerError(
    "UNAVAILABLE",
    `a copy of context ${quote(contextId)} is damaged and is being mended`,
    {
      ...{ reason: "COPY_DAMAGED", field: "context_id", value: contextId.slice(0, 64) },
      ...{ remedy: "try again", retryAfterMs: 500 },
    },
  );
}

/** Nobody who keeps the context is alive and can write. */
export function nobodyHome(contextId: string, holders: readonly string[], view: ClusterView): LedgerError {
  const names = holders.slice(0, 8).map((nodeId) => view.nameOf(nodeId));
  const text = `none of the nodes that keep context ${quote(contextId)} is alive and can write: ${names.join(", ")}`;
  return new LedgerError("UNAVAILABLE", text, {
    ...{ reason: "NO_HOME", field: "context_id", value: contextId.slice(0, 64) },
    ...{ remedy: "bring one of them back", retryAfterMs: 1000 },
  });
}

/** Nodes that did not answer may keep a context of which nobody else has anything. */
export function unheard(contextId: string, silent: readonly string[], view: ClusterView): LedgerError {
  const names = silent.slice(0, 8).map((nodeId) => view.nameOf(nodeId));
  const text = `nodes that may keep context ${quote(contextId)} do not answer, and it is not begun without them: ${names.join(", ")}`;
  return new LedgerError("UNAVAILABLE", text, {
    ...{ reason: "NO_HOME", field: "context_id", value: contextId.slice(0, 64) },
    ...{ remedy: "bring them back, or let the cluster forget those that are gone", retryAfterMs: 1000 },
  });
}
