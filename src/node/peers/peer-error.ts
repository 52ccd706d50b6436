/**
 * What calls between nodes fail with, beside what the other node answers.
 *
 * @module
 */

import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";

/** Returns the error of a call that did not get to its node: nothing was done. */
export function unreachable(
  nodeId: string,
  why: string,
  options: { retryAfterMs?: number; cause?: unknown } = {},
): LedgerError {
  const { retryAfterMs = 100, cause } = options;
  const facts = { reason: "PEER_UNREACHABLE", value: nodeId, retryAfterMs: Math.ceil(retryAfterMs) };
  return new LedgerError("UNAVAILABLE", `Cannot reach node ${nodeId}: ${why}`, facts, { cause });
}

/** Returns the error of a call that was sent and not answered: nobody knows what was done. */
export function lost(nodeId: string, why: string): LedgerError {
  return new LedgerError("UNAVAILABLE", `Node ${nodeId} was lost before it answered: ${why}`, {
    reason: "PEER_LOST",
    value: nodeId,
    retryAfterMs: 100,
  });
}

/** Returns the refusal of more work than a node takes, or may be asked for, at the same time. */
export function busy(nodeId: string, what: string): LedgerError {
  return new LedgerError("RESOURCE_EXHAUSTED", `Node ${nodeId} is busy: ${what}`, {
    reason: "PEER_BUSY",
    value: nodeId,
    retryAfterMs: 100,
  });
}

export function deadlineExceeded(timeoutMs: number): LedgerError {
  return new LedgerError("DEADLINE_EXCEEDED", `the other node did not answer within ${timeoutMs} ms`, {
    reason: "PEER_TIMEOUT",
    limit: timeoutMs,
  });
}

export function cancelled(): LedgerError {
  return new LedgerError("CANCELLED", "the call to another node was cancelled", { reason: "PEER_CANCELLED" });
}

/** Returns the refusal of a message that has no place in one call. */
export function messageTooLarge(bytes: number, bytesMax: number = limits.peerMessageBytesMax): LedgerError {
  return new LedgerError(
    "RESOURCE_EXHAUSTED",
    `a message between nodes has ${bytes} bytes, more than ${bytesMax}`,
    {
      reason: "PEER_MESSAGE_TOO_LARGE",
      value: bytes,
      limit: bytesMax,
    },
  );
}

/** Returns the refusal of a call that this version does not know. */
export function unknownCall(kind: number): LedgerError {
  return new LedgerError("UNIMPLEMENTED", `this node knows no call ${kind} of other nodes`, {
    reason: "PEER_CALL_UNKNOWN",
    value: kind,
    remedy: "update it",
  });
}

/** Returns the answer of a node that is not ready to be asked. */
export function notReady(): LedgerError {
  return new LedgerError("UNAVAILABLE", "this node does not answer other nodes yet", {
    reason: "PEER_STARTING",
    retryAfterMs: 100,
  });
}
