/**
 * Groups of processes by context id, as the API sees them. Their state is soft: it is kept where the context is at home, and is
 * gone with those who announced it.
 *
 * @module
 */

import type { LedgerError } from "../core/errors.ts";
import type { MemberState } from "../core/member.ts";
import type { GroupEvent, GroupMember, GroupMessage } from "../sync/groups.ts";

/** Who joins what. */
export interface GroupJoin {
  readonly contextId: string;
  readonly memberId: string;
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a stream of a member hears, in order. Must not throw; may call back into the groups. */
export interface GroupSink {
  /**
   * `joined` comes first, before `join` resolves or after, and again when the state of the group was lost, as when the
   * home has changed: it takes the place of what was known.
   */
  event(event: { readonly kind: "joined"; readonly members: readonly GroupMember[] } | GroupEvent): void;
  /** It is over: this node can do nothing more for it. Nothing follows. */
  ended(error: LedgerError): void;
}

/** One stream of a member. */
export interface GroupSeat {
  /** Ends it; the member is gone with the last of its streams. Doing it twice is doing it once. The sink hears nothing more. */
  leave(): void;
}

/** A node that serves a context. */
export interface GroupServer {
  readonly nodeId: string;
  /** What the roster has of it; empty if it is not there. */
  readonly name: string;
  readonly rpcAddress: string | undefined;
  readonly httpAddress: string | undefined;
  readonly state: MemberState | undefined;
  /** It keeps the group. */
  readonly isHome: boolean;
}

export interface GroupView {
  /** In the byte order of their ids. */
  readonly members: readonly GroupMember[];
  /** The holders of the context, or those it would have, best first. */
  readonly servers: readonly GroupServer[];
  /** Every node with watches of the context, and those that did not say. */
  readonly watchers: readonly {
    readonly nodeId: string;
    readonly name: string;
    readonly watchers: number;
    readonly error: string | undefined;
  }[];
}

/** Arguments are checked before. All reject with LedgerError; with UNAVAILABLE if the home of the group is not reached in time. */
export interface Groups {
  /**
   * Makes somebody a member until its seat is left. Rejects with RESOURCE_EXHAUSTED GROUP_FULL or GROUPS_TOO_MANY. The oldest
   * stream of a member that has too many is ended with ABORTED GROUP_MEMBER_REPLACED.
   */
  join(request: GroupJoin, sink: GroupSink, signal: AbortSignal): Promise<GroupSeat>;
  /** Answers an empty group if nobody is there. */
  view(contextId: string, signal: AbortSignal): Promise<GroupView>;
  /**
   * Hands a message to everybody who is there, and returns how many members that were. Rejects with NOT_FOUND
   * GROUP_MEMBER_NOT_FOUND if its sender is named and is no member.
   */
  broadcast(contextId: string, message: GroupMessage, signal: AbortSignal): Promise<number>;
}
