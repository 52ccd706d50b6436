/**
 * A watch of the members that outlives its connections: what changed while there was none is told as changes.
 *
 * @module
 */

import { equals } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type Member,
  MemberChangeKind,
  MemberSchema,
  MemberState,
  type WatchMembersResponse,
} from "../gen/converge/ledger/v1/membership_pb.ts";
import { type Failure, readFailure } from "./failure.ts";
import { livelyStream } from "./lively-stream.ts";
import { type RetryPolicy, waitBefore } from "./retry.ts";

export interface MemberWatchOptions {
  /** How often a quiet server shows that it is there. After three times as long the connection is given up. */
  readonly heartbeatMs?: number;
  /** Ends the watch, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a watch of the members delivers. */
export type MemberWatchItem =
  /** All members as they were when the watch began. Once, and first. */
  | { readonly kind: "members"; readonly members: readonly Member[] }
  | { readonly kind: "change"; readonly change: MemberChangeKind; readonly member: Member };

/** Opens one connection. */
export type OpenMemberWatch = (
  request: { readonly heartbeatMs: number },
  signal: AbortSignal,
) => AsyncIterable<WatchMembersResponse>;

/** Yields the members and then their changes until the signal is aborted or the server refuses. */
export async function* watchMembers(
  open: OpenMemberWatch,
  options: MemberWatchOptions,
  policy: RetryPolicy,
): AsyncGenerator<MemberWatchItem, never> {
  const { signal, heartbeatMs = 15_000 } = options;
  let known: Map<string, Member> | undefined;
  let attempt = 0;
  while (true) {
    let failure: Failure;
    let listed: Map<string, Member> | undefined = new Map();
    try {
      const connection = livelyStream((both) => open({ heartbeatMs }, both), 3 * heartbeatMs, signal);
      for await (const { event } of connection) {
        attempt = 0;
        if (event.case === "member") listed?.set(event.value.name, event.value);
        else if (event.case === "complete" && listed !== undefined) {
          yield* itemsOf(known, listed);
          known = listed;
          listed = undefined;
        } else if (event.case === "change" && event.value.member !== undefined) {
          const { kind: change, member } = event.value;
          if (change === MemberChangeKind.FORGOTTEN) known?.delete(member.name);
          else known?.set(member.name, member);
          yield { kind: "change", change, member };
        }
      }
      failure = readFailure(new ConnectError("the server ended the watch", Code.Unavailable));
    } catch (error) {
      signal?.throwIfAborted();
      failure = readFailure(error);
      if (!failure.transient || (known === undefined && attempt + 1 >= policy.attemptsMax)) throw error;
    }
    attempt += 1;
    await waitBefore(policy, signal, failure, attempt);
  }
}

/** Returns what a new list of members says to who knew `known`; undefined if this is the first list. */
function* itemsOf(
  known: ReadonlyMap<string, Member> | undefined,
  listed: ReadonlyMap<string, Member>,
): Generator<MemberWatchItem> {
  if (known === undefined) {
    yield { kind: "members", members: [...listed.values()] };
    return;
  }
  for (const member of listed.values()) {
    const change = changeBetween(known.get(member.name), member);
    if (change !== undefined) yield { kind: "change", change, member };
  }
  for (const member of known.values()) {
    if (!listed.has(member.name)) yield { kind: "change", change: MemberChangeKind.FORGOTTEN, member };
  }
}

function changeBetween(before: Member | undefined, after: Member): MemberChangeKind | undefined {
  if (before === undefined) return MemberChangeKind.JOINED;
  if (before.state !== after.state) return changeTo(after.state, before.state);
  // A server that was restarted has seen everybody since then.
  const { stateSinceNs } = after;
  return equals(MemberSchema, { ...before, stateSinceNs }, after) ? undefined : MemberChangeKind.UPDATED;
}

function changeTo(state: MemberState, before: MemberState): MemberChangeKind {
  switch (state) {
    case MemberState.ALIVE:
      return before === MemberState.SUSPECT ? MemberChangeKind.RECOVERED : MemberChangeKind.JOINED;
    case MemberState.SUSPECT:
      return MemberChangeKind.SUSPECTED;
    case MemberState.DEAD:
      return MemberChangeKind.DIED;
    case MemberState.LEFT:
      return MemberChangeKind.LEFT;
    case MemberState.UNSPECIFIED:
      break;
  }
  // A state that this version does not know.
  return MemberChangeKind.UPDATED;
}
