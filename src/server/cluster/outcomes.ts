/**
 * What an error of a forwarded call says about what was done.
 *
 * @module
 */

import { LedgerError, quote } from "../../core/errors.ts";

/** Reasons of errors that are only given before anything is written: the same append may be sent again. */
const nothingWritten: ReadonlySet<string> = new Set([
  // Replication and the ledger refuse before they plan an entry.
  "NOT_HOME",
  "NO_HOME",
  "NOT_JOINED",
  "TOO_FEW_COPIES",
  "DEPOSED",
  // This node's part in the cluster does not run.
  "REPLICATION_RESTARTING",
  // Given here.
  "HOME_NOT_READY",
  "HOME_UNREACHABLE",
  "HOME_DISPUTED",
  // Another node takes no more calls just now.
  "PEER_BUSY",
]);

/** Reasons for which it may be looked for another home, or for another copy to read. */
const homeless: ReadonlySet<string> = new Set([
  ...["NOT_HOME", "NO_HOME", "NOT_JOINED", "DEPOSED", "PEER_BUSY"],
  ...["HOME_NOT_READY", "HOME_UNREACHABLE", "HOME_DISPUTED"],
]);

/** Tells if an append that failed so may be sent again; one that carries idempotency keys may be after almost anything. */
export function mayAppendAgain(error: unknown, isIdempotent: boolean): boolean {
  if (!(error instanceof LedgerError)) return false;
  const { code, facts } = error;
  if (nothingWritten.has(facts.reason)) return true;
  return isIdempotent && code === "UNAVAILABLE" && facts.reason !== "MIN_COPIES_NOT_REACHED";
}

/** Tells if a read that failed so found nobody who answers for the home. */
export function isHomeless(error: unknown): boolean {
  return error instanceof LedgerError && homeless.has(error.facts.reason);
}

/** Tells if what this node knows of a context's holders, or another node, is out of date. */
export function isMisrouted(error: unknown): boolean {
  return hasReason(error, "NOT_HOME") || hasReason(error, "HOME_DISPUTED");
}

export function isUnreachable(error: unknown): boolean {
  return hasReason(error, "HOME_UNREACHABLE");
}

export function hasReason(error: unknown, reason: string): boolean {
  return error instanceof LedgerError && error.facts.reason === reason;
}

/** Returns what a call comes to that `peers` could not bring to a node, or whose answer was lost. */
export function callFailure(error: unknown, { node, writes }: { node: string; writes: boolean }): unknown {
  if (!(error instanceof LedgerError)) return error;
  switch (error.facts.reason) {
    case "PEER_UNREACHABLE":
    case "PEER_STARTING":
      return homeUnreachable(node, error);
    case "PEER_LOST":
    case "PEER_TIMEOUT":
    case "PEER_CANCELLED":
      return writes ? answerLost(node, error) : homeUnreachable(node, error);
    default:
      return error;
  }
}

/** Returns what other nodes are told of an error: what happened between this node and a third one is no concern of theirs. */
export function toldToPeer(error: unknown): unknown {
  if (!(error instanceof LedgerError)) return error;
  switch (error.facts.reason) {
    case "PEER_UNREACHABLE":
    case "PEER_LOST":
    case "PEER_TIMEOUT":
    case "PEER_CANCELLED":
    case "PEER_STARTING":
      return answerLost("another node", error);
    default:
      return error;
  }
}

/** Returns what it is to a client that its entry was written, and that something went wrong then. */
export function afterAppend(error: unknown): unknown {
  if (!(error instanceof LedgerError)) return error;
  if (["MIN_COPIES_NOT_REACHED", "OUTCOME_UNKNOWN"].includes(error.facts.reason)) return error;
  const text = `the entry is written, and nobody knows on how many nodes: ${error.message}`;
  const facts = {
    reason: "OUTCOME_UNKNOWN",
    remedy: "try again with the same idempotency_key",
    retryAfterMs: 200,
  };
  return new LedgerError("UNAVAILABLE", text, facts, { cause: error });
}

/** Returns what a failed takeover is to those who wait for it: nothing of theirs was written. */
export function beforeAppend(contextId: string, error: unknown): unknown {
  if (!(error instanceof LedgerError) || nothingWritten.has(error.facts.reason)) return error;
  const text = `the home of context ${quote(contextId)} is not ready: ${error.message}`;
  return new LedgerError(
    "UNAVAILABLE",
    text,
    { reason: "HOME_NOT_READY", field: "context_id", value: contextId.slice(0, 64), retryAfterMs: 200 },
    { cause: error },
  );
}

function homeUnreachable(node: string, cause: LedgerError): LedgerError {
  return new LedgerError(
    "UNAVAILABLE",
    `node ${node} is not reached`,
    { reason: "HOME_UNREACHABLE", value: node, remedy: "try again", retryAfterMs: 200 },
    { cause },
  );
}

function answerLost(node: string, cause: LedgerError): LedgerError {
  return new LedgerError(
    "UNAVAILABLE",
    `the connection to node ${node} was lost before it answered; the entry may or may not stand`,
    {
      ...{ reason: "OUTCOME_UNKNOWN", value: node, retryAfterMs: 200 },
      remedy: "try again with the same idempotency_key",
    },
    { cause },
  );
}

/** Every node that a call came to takes another one for the home. `views` says who takes whom. */
export function disputed(contextId: string, views: string): LedgerError {
  return new LedgerError("UNAVAILABLE", `nobody takes context ${quote(contextId)} for its own: ${views}`, {
    ...{ reason: "HOME_DISPUTED", field: "context_id", value: views.slice(0, 512) },
    ...{ remedy: "try again", retryAfterMs: 200 },
  });
}

/** Returns UNAVAILABLE: an entry that this node does not show may have been acknowledged. */
export function notCurrent(cause: unknown): LedgerError {
  const text = "this node does not know yet what is committed of the context";
  const facts = { reason: "HOME_NOT_READY", remedy: "try again", retryAfterMs: 500 };
  return new LedgerError("UNAVAILABLE", text, facts, { cause });
}
