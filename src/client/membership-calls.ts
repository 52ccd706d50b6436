import type { Client } from "@connectrpc/connect";
import type {
  GossipKeyReport,
  JoinResponse,
  MembershipService,
  MembersResponse,
} from "../gen/converge/ledger/v1/membership_pb.ts";
import type { IntegrityCallOptions, SendCall } from "./integrity-calls.ts";
import { type MemberWatchItem, type MemberWatchOptions, watchMembers } from "./member-watch.ts";
import type { RetryPolicy } from "./retry.ts";

/** The cluster as one of its nodes sees it. Calls of the same thing twice are as good as one. */
export interface MembershipCalls {
  members(options?: IntegrityCallOptions): Promise<MembersResponse>;
  /** Follows the members across broken connections, until aborted. */
  watch(options?: MemberWatchOptions): AsyncGenerator<MemberWatchItem, never>;
  /** Resolves also if none was reached. */
  join(addresses: readonly string[], options?: IntegrityCallOptions): Promise<JoinResponse>;
  /** Ends the gossip of the node until it is started again. */
  leave(options?: IntegrityCallOptions): Promise<void>;
  /** Takes a dead member off the roster. Not repeated by itself. */
  forget(name: string, options?: IntegrityCallOptions): Promise<void>;
  listGossipKeys(options?: IntegrityCallOptions): Promise<GossipKeyReport>;
  addGossipKey(key: Uint8Array, options?: IntegrityCallOptions): Promise<GossipKeyReport>;
  useGossipKey(id: string, options?: IntegrityCallOptions): Promise<GossipKeyReport>;
  removeGossipKey(id: string, options?: IntegrityCallOptions): Promise<GossipKeyReport>;
}

/** Returns the calls of MembershipService. */
export function membershipCalls(
  service: Client<typeof MembershipService>,
  call: SendCall,
  policy: RetryPolicy,
): MembershipCalls {
  return {
    members: ({ signal } = {}) => call(signal, (how) => service.members({}, how)),
    watch: (options = {}) =>
      watchMembers((request, signal) => service.watchMembers(request, { signal }), options, policy),
    join: (addresses, { signal } = {}) =>
      call(signal, (how) => service.join({ addresses: [...addresses] }, how)),
    leave: async ({ signal } = {}) => void (await call(signal, (how) => service.leave({}, how))),
    forget: async (name, { signal } = {}) =>
      void (await service.forgetMember({ name }, signal === undefined ? {} : { signal })),
    listGossipKeys: ({ signal } = {}) => call(signal, (how) => service.listGossipKeys({}, how)),
    addGossipKey: (key, { signal } = {}) => call(signal, (how) => service.addGossipKey({ key }, how)),
    useGossipKey: (id, { signal } = {}) => call(signal, (how) => service.useGossipKey({ id }, how)),
    removeGossipKey: (id, { signal } = {}) => call(signal, (how) => service.removeGossipKey({ id }, how)),
  };
}
