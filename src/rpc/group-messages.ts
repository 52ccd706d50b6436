/**
 * Between the values of groups and the messages of discovery.proto.
 *
 * @module
 */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type DiscoveryServiceJoinResponse,
  DiscoveryServiceJoinResponseSchema,
  type DiscoveryServiceMembersResponseSchema,
  GroupChangeKind,
  type GroupMemberSchema,
} from "../gen/converge/ledger/v1/discovery_pb.ts";
import type { GroupChange, GroupMember } from "../sync/groups.ts";
import type { GroupItem } from "./group-stream.ts";
import type { GroupView } from "./groups.ts";
import { memberStateNumber } from "./member-messages.ts";

const kinds: Readonly<Record<GroupChange, GroupChangeKind>> = {
  joined: GroupChangeKind.JOINED,
  updated: GroupChangeKind.UPDATED,
  left: GroupChangeKind.LEFT,
};

export function groupItemMessage(item: GroupItem, memberId: string): DiscoveryServiceJoinResponse {
  return create(DiscoveryServiceJoinResponseSchema, { event: eventOf(item, memberId) });
}

export function groupViewMessage(
  view: GroupView,
): MessageInitShape<typeof DiscoveryServiceMembersResponseSchema> {
  return {
    members: view.members.map(groupMemberMessage),
    servers: view.servers.map(({ rpcAddress = "", httpAddress = "", state, ...server }) => ({
      ...server,
      rpcAddress,
      httpAddress,
      state: memberStateNumber(state),
    })),
    watchers: view.watchers.map(({ error = "", ...watching }) => ({ ...watching, error })),
  };
}

function eventOf(
  item: GroupItem,
  memberId: string,
): NonNullable<MessageInitShape<typeof DiscoveryServiceJoinResponseSchema>["event"]> {
  switch (item.kind) {
    case "joined":
      return { case: "joined", value: { memberId, members: item.members.map(groupMemberMessage) } };
    case "message": {
      const { id, fromMemberId, payload, sentAtNs } = item.message;
      return { case: "message", value: { id, fromMemberId, payload, sentAtNs } };
    }
    case "change": {
      const { change, member } = item;
      return { case: "change", value: { kind: kinds[change], member: groupMemberMessage(member) } };
    }
    case "heartbeat":
      return { case: "heartbeat", value: {} };
  }
}

function groupMemberMessage(member: GroupMember): MessageInitShape<typeof GroupMemberSchema> {
  const { memberId, name, metadata, nodeId, joinedAtNs } = member;
  return { memberId, name, metadata: { ...metadata }, nodeId, joinedAtNs };
}
