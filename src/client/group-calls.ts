import { Code, ConnectError, type Client } from "@connectrpc/connect";
import type {
  BroadcastResponse,
  DiscoveryService,
  DiscoveryServiceMembersResponse,
  GroupChangeKind,
  GroupMember,
  GroupMessage,
} from "../gen/converge/ledger/v1/discovery_pb.ts";
import type { SendCall } from "./integrity-calls.ts";
import { type Failure, readFailure } from "./failure.ts";
import { livelyStream } from "./lively-stream.ts";
import { type RetryPolicy, waitBefore } from "./retry.ts";

export interface GroupCallOptions {
  readonly signal?: AbortSignal;
}

export interface GroupJoinOptions extends GroupCallOptions {
  /** Who the caller is; made once for the call unless given. */
  readonly memberId?: string;
  readonly name?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** A connection that is silent for three times as long is taken for broken. 15,000 unless given. */
  readonly heartbeatMs?: number;
}

/** What a member hears. */
export type GroupItem =
  /** Comes first, and again after each broken connection: it takes the place of what was known; messages may be missing. */
  | { readonly kind: "joined"; readonly memberId: string; readonly members: readonly GroupMember[] }
  | { readonly kind: "message"; readonly message: GroupMessage }
  | { readonly kind: "change"; readonly change: GroupChangeKind; readonly member: GroupMember };

/** Groups of processes by context id. */
export interface GroupCalls {
  /** Who is in a group, which nodes serve its context, and how many watch it. */
  members(contextId: string, options?: GroupCallOptions): Promise<DiscoveryServiceMembersResponse>;
  /** Is a member, across broken connections, until aborted. */
  join(contextId: string, options?: GroupJoinOptions): AsyncGenerator<GroupItem, never>;
  /** Sends a message to all members. Not repeated by itself: that could send it twice. */
  broadcast(
    contextId: string,
    payload: Uint8Array,
    options?: GroupCallOptions & { readonly fromMemberId?: string },
  ): Promise<BroadcastResponse>;
}

/** Returns the calls of DiscoveryService. */
export function groupCalls(
  service: Client<typeof DiscoveryService>,
  call: SendCall,
  policy: RetryPolicy,
): GroupCalls {
  return {
    members: (contextId, { signal } = {}) => call(signal, (how) => service.members({ contextId }, how)),
    join: (contextId, options = {}) => joinGroup(service, contextId, options, policy),
    broadcast: (contextId, payload, { signal, fromMemberId = "" } = {}) =>
      service.broadcast({ contextId, payload, fromMemberId }, signal === undefined ? {} : { signal }),
  };
}

async function* joinGroup(
  service: Client<typeof DiscoveryService>,
  contextId: string,
  options: GroupJoinOptions,
  policy: RetryPolicy,
): AsyncGenerator<GroupItem, never> {
  const { signal, name = "", metadata = {}, heartbeatMs = 15_000 } = options;
  const { memberId = crypto.randomUUID() } = options;
  const request = { contextId, memberId, name, metadata: { ...metadata }, heartbeatMs };
  let wasJoined = false;
  for (let attempt = 1; ; attempt += 1) {
    let failure: Failure;
    try {
      const open = (both: AbortSignal) => service.join(request, { signal: both });
      for await (const { event } of livelyStream(open, 3 * heartbeatMs, signal)) {
        attempt = 0;
        if (event.case === "joined") {
          wasJoined = true;
          yield { kind: "joined", memberId: event.value.memberId, members: event.value.members };
        } else if (event.case === "message") yield { kind: "message", message: event.value };
        else if (event.case === "change" && event.value.member !== undefined)
          yield { kind: "change", change: event.value.kind, member: event.value.member };
      }
      failure = readFailure(new ConnectError("the server ended the stream", Code.Unavailable));
    } catch (error) {
      signal?.throwIfAborted();
      failure = readFailure(error);
      if (!failure.transient || (!wasJoined && attempt >= policy.attemptsMax)) throw error;
    }
    await waitBefore(policy, signal, failure, Math.max(1, attempt));
  }
}
