/**
 * What goes wrong with groups of processes.
 *
 * @module
 */

import { LedgerError, quote } from "../core/errors.ts";
import { limits } from "../core/limits.ts";

export function groupFull(contextId: string): LedgerError {
  const { groupMembersMax: limit } = limits;
  return new LedgerError(
    "RESOURCE_EXHAUSTED",
    `the group of context ${quote(contextId)} has ${limit} members`,
    {
      reason: "GROUP_FULL",
      value: limit,
      limit,
      remedy: "join when others have left",
      retryAfterMs: 1000,
    },
  );
}

export function tooManyGroups(): LedgerError {
  const { groupsMax: limit } = limits;
  return new LedgerError("RESOURCE_EXHAUSTED", `there are ${limit} groups`, {
    reason: "GROUPS_TOO_MANY",
    value: limit,
    limit,
    remedy: "join when others are empty",
    retryAfterMs: 1000,
  });
}

export function noMember(contextId: string, memberId: string): LedgerError {
  const text = `the group of context ${quote(contextId)} has no member ${quote(memberId)}`;
  return new LedgerError("NOT_FOUND", text, {
    reason: "GROUP_MEMBER_NOT_FOUND",
    field: "from_member_id",
    value: memberId.slice(0, 64),
    remedy: "join before, or leave from_member_id out",
  });
}

/** The oldest stream of a member that has too many. */
export function tooManySeats(): LedgerError {
  return new LedgerError(
    "ABORTED",
    "the member has joined again, and this was the oldest of too many streams",
    {
      reason: "GROUP_MEMBER_REPLACED",
      remedy: "read one stream for each member",
    },
  );
}

/** Nothing was done: another node keeps the group, as this one sees it. */
export function notGroupHome(contextId: string): LedgerError {
  const text = `this node does not keep the group of context ${quote(contextId)}`;
  return new LedgerError("UNAVAILABLE", text, {
    ...{ reason: "NOT_HOME", field: "context_id", value: contextId.slice(0, 64) },
    ...{ remedy: "try again", retryAfterMs: 200 },
  });
}

/** Nothing was done: no node is alive that could keep the group. */
export function groupHomeless(contextId: string): LedgerError {
  const text = `none of the nodes that keep context ${quote(contextId)}, and its group, is alive`;
  return new LedgerError("UNAVAILABLE", text, {
    ...{ reason: "NO_HOME", field: "context_id", value: contextId.slice(0, 64) },
    ...{ remedy: "bring one of them back", retryAfterMs: 1000 },
  });
}

/** Nothing was done: `node` keeps the group. */
export function groupHomeUnreachable(contextId: string, node: string, cause?: unknown): LedgerError {
  const text = `node ${node}, which keeps the group of context ${quote(contextId)}, is not reached`;
  return new LedgerError(
    "UNAVAILABLE",
    text,
    { reason: "HOME_UNREACHABLE", value: node, remedy: "try again", retryAfterMs: 500 },
    { cause },
  );
}

/** The home was lost before it answered. */
export function messageOutcomeUnknown(contextId: string, node: string, cause: unknown): LedgerError {
  const text =
    `node ${node} was lost before it answered; the message may or may not have reached ` +
    `the group of context ${quote(contextId)}`;
  return new LedgerError(
    "UNAVAILABLE",
    text,
    {
      ...{ reason: "OUTCOME_UNKNOWN", value: node, retryAfterMs: 200 },
      remedy: "send it again if it may be heard twice",
    },
    { cause },
  );
}

/** A node is told that what it announces is not heard any more: it begins anew. */
export function sessionOver(why: string): LedgerError {
  return new LedgerError("UNAVAILABLE", `the members of another node are not kept any more: ${why}`, {
    ...{ reason: "GROUP_SESSION_OVER", remedy: "announce them anew", retryAfterMs: 100 },
  });
}
