/**
 * Why two nodes do not speak with each other, as errors for the log and as causes of PEER_UNREACHABLE.
 *
 * @module
 */

import { type ErrorCode, type ErrorFacts, LedgerError, quote } from "../../core/errors.ts";
import type { VersionRange } from "../../core/peer-protocol.ts";
import type { Hello, RefusalReason } from "./hello.ts";

/** A refusal, or a handshake that is none: other bytes, a wrong proof, too slow, ended before it was over. */
export type HandshakeProblem = RefusalReason | "garbage" | "proof" | "timeout" | "closed";

export const handshakeProblems: readonly HandshakeProblem[] = [
  ...(["versions", "label", "node", "key", "busy"] as const),
  ...(["garbage", "proof", "timeout", "closed"] as const),
];

interface Own {
  readonly nodeId: string;
  readonly versions: VersionRange;
  readonly label: string;
}

/** Returns the error of the side that refuses. */
export function refusedHere(why: RefusalReason, own: Own, other: Hello): LedgerError {
  switch (why) {
    case "versions":
      return versionsDiffer(own.versions, other.versions);
    case "label":
      return labelsDiffer(
        `the other node has the gossip label ${quote(other.label)}, this one ${quote(own.label)}`,
      );
    case "node":
      return otherNode(`node ${other.nodeId} asked for node ${other.to}, this is node ${own.nodeId}`);
    case "key":
      return keysDiffer(
        other.keyId === undefined
          ? "the other node uses no gossip key"
          : `this node does not have gossip key ${other.keyId}, which the other one uses`,
      );
    case "busy":
      return tooMany("this node has too many connections of other nodes");
  }
}

/** Returns the error of the side that is refused. */
export function refusedByPeer(why: RefusalReason, own: Own, versions: VersionRange): LedgerError {
  switch (why) {
    case "versions":
      return versionsDiffer(own.versions, versions);
    case "label":
      return labelsDiffer(`the other node has another gossip label than ${quote(own.label)}`);
    case "node":
      return otherNode("another node answers at this address");
    case "key":
      return keysDiffer("the other node does not have the gossip key that this one uses");
    case "busy":
      return tooMany("the other node has too many connections");
  }
}

/** Returns the error of bytes that are no handshake, or prove nothing. */
export function brokenHandshake(problem: "garbage" | "proof" | "timeout" | "closed"): LedgerError {
  const text = {
    garbage: "what the other side sent is no handshake",
    proof: "the other side did not prove that it has the gossip key, or something changed what was sent",
    timeout: "the handshake took too long",
    closed: "the connection was closed before the handshake was over",
  }[problem];
  return refusal("UNAVAILABLE", text, { reason: "PEER_HANDSHAKE_FAILED", value: problem });
}

function versionsDiffer(own: VersionRange, other: VersionRange): LedgerError {
  const text = `the other node speaks versions ${other.min} to ${other.max}, this one ${own.min} to ${own.max}`;
  return refusal("FAILED_PRECONDITION", text, {
    reason: "PEER_VERSIONS_DIFFER",
    value: `${other.min}-${other.max}`,
    limit: `${own.min}-${own.max}`,
    remedy: "update the older one, release by release",
  });
}

function labelsDiffer(text: string): LedgerError {
  const remedy = "give the nodes of one cluster the same --gossip-label";
  return refusal("FAILED_PRECONDITION", text, { reason: "PEER_LABELS_DIFFER", remedy });
}

function otherNode(text: string): LedgerError {
  return refusal("FAILED_PRECONDITION", text, { reason: "PEER_NODES_DIFFER" });
}

function keysDiffer(text: string): LedgerError {
  const remedy = "give the nodes of one cluster the same gossip keys";
  return refusal("FAILED_PRECONDITION", text, { reason: "PEER_KEYS_DIFFER", remedy });
}

function tooMany(text: string): LedgerError {
  return refusal("RESOURCE_EXHAUSTED", text, { reason: "PEER_BUSY", retryAfterMs: 1000 });
}

function refusal(code: ErrorCode, text: string, facts: ErrorFacts): LedgerError {
  return new LedgerError(code, `Cannot speak with another node: ${text}`, facts);
}
