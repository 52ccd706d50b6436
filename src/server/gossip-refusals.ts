/**
 * Why commands to a cluster are refused.
 *
 * @module
 */

import { LedgerError } from "../core/errors.ts";

export function notEverywhere(id: string, without: readonly string[]): LedgerError {
  const text = `gossip key ${id} is not known to ${without.join(", ")}`;
  return new LedgerError("FAILED_PRECONDITION", text, {
    reason: "GOSSIP_KEY_NOT_EVERYWHERE",
    field: "id",
    value: id,
    remedy: "add it first",
  });
}

export function inUse(id: string, users: readonly string[]): LedgerError {
  return new LedgerError("FAILED_PRECONDITION", `${users.join(", ")} write with gossip key ${id}`, {
    reason: "GOSSIP_KEY_PRIMARY",
    field: "id",
    value: id,
    remedy: "use another key first",
  });
}

export function hasLeft(): LedgerError {
  return new LedgerError("FAILED_PRECONDITION", "this node has left its cluster", {
    reason: "GOSSIP_LEFT",
    remedy: "join again",
  });
}

export function restarting(): LedgerError {
  return new LedgerError("UNAVAILABLE", "gossip restarts", {
    reason: "GOSSIP_STOPPED",
    remedy: "try again when it is back",
    retryAfterMs: 1000,
  });
}
