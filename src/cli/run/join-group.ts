import { create, toJsonString } from "@bufbuild/protobuf";
import type { GroupItem } from "../../client/group-calls.ts";
import {
  DiscoveryServiceJoinResponseSchema,
  GroupChangeKind,
} from "../../gen/converge/ledger/v1/discovery_pb.ts";
import type { GroupsOptions } from "../commands/groups.ts";
import { groupMemberCells, textOrDash } from "../render/group-text.ts";
import { payloadText } from "../render/payload-text.ts";
import type { Session } from "../session.ts";

/** Is a member of a group, and prints what it hears until it is interrupted. */
export async function joinGroup(
  { client, io, json, signal }: Session,
  contextId: string,
  { name = "", memberId, meta }: GroupsOptions,
): Promise<void> {
  const who = { name, metadata: meta, ...(memberId === undefined ? {} : { memberId }) };
  const textOf = json ? jsonText : plainText;
  for await (const item of client.groups.join(contextId, { ...who, signal }))
    await io.stdout.write(textOf(item));
}

function plainText(item: GroupItem): string {
  return linesOf(item)
    .map((cells) => `${cells.join("\t")}\n`)
    .join("");
}

function linesOf(item: GroupItem): string[][] {
  switch (item.kind) {
    case "joined":
      return item.members.map((member) => groupMemberCells("member", member));
    case "change":
      return [groupMemberCells((GroupChangeKind[item.change] ?? "unknown").toLowerCase(), item.member)];
    case "message": {
      const { fromMemberId, payload } = item.message;
      return [["message", textOrDash(fromMemberId), "-", payloadText(payload)]];
    }
  }
}

/** Returns the event as the server sends it. */
function jsonText(item: GroupItem): string {
  const event = eventOf(item);
  const message = create(DiscoveryServiceJoinResponseSchema, { event });
  return `${toJsonString(DiscoveryServiceJoinResponseSchema, message)}\n`;
}

function eventOf(item: GroupItem) {
  switch (item.kind) {
    case "joined":
      return { case: "joined" as const, value: { memberId: item.memberId, members: [...item.members] } };
    case "change":
      return { case: "change" as const, value: { kind: item.change, member: item.member } };
    case "message":
      return { case: "message" as const, value: item.message };
  }
}
