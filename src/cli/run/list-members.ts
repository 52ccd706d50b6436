import { create, toJsonString } from "@bufbuild/protobuf";
import type { MemberWatchItem } from "../../client/member-watch.ts";
import {
  MembersResponseSchema,
  MemberState,
  WatchMembersResponseSchema,
} from "../../gen/converge/ledger/v1/membership_pb.ts";
import { memberChangeLine, memberLines, memberTable } from "../render/member-text.ts";
import type { Session } from "../session.ts";

/** Prints the members of the cluster. */
export async function listMembers({ client, io, json, signal }: Session): Promise<void> {
  const answer = await client.membership.members({ signal });
  if (json) return await io.stdout.write(`${toJsonString(MembersResponseSchema, answer)}\n`);
  await io.stdout.write(io.stdout.isTerminal ? memberTable(answer.members) : memberLines(answer.members));
  if (answer.gossip?.on === true) return;
  const hasLeft = answer.members.some(({ isSelf, state }) => isSelf && state === MemberState.LEFT);
  await io.stderr.write(hasLeft ? gossipLeft : gossipOff);
}

/** Prints the members, and then every change until it is interrupted. */
export async function followMembers({ client, io, json, signal }: Session): Promise<void> {
  const textOf = json ? jsonText : io.stdout.isTerminal ? terminalText : plainText;
  for await (const item of client.membership.watch({ signal })) await io.stdout.write(textOf(item));
}

const gossipOff =
  "this node does not gossip: start it with --gossip or --join to make it a member of a cluster\n";
const gossipLeft =
  "this node has left its cluster: let it join again, or start it again, to see the others\n";

function terminalText(item: MemberWatchItem): string {
  return item.kind === "members" ? memberTable(item.members) : plainText(item);
}

function plainText(item: MemberWatchItem): string {
  return item.kind === "members" ? memberLines(item.members) : memberChangeLine(item.change, item.member);
}

/** Returns the events that the server sends. */
function jsonText(item: MemberWatchItem): string {
  const events =
    item.kind === "change"
      ? [{ case: "change" as const, value: { kind: item.change, member: item.member } }]
      : [
          ...item.members.map((value) => ({ case: "member" as const, value })),
          { case: "complete" as const, value: {} },
        ];
  return events
    .map(
      (event) =>
        `${toJsonString(WatchMembersResponseSchema, create(WatchMembersResponseSchema, { event }))}\n`,
    )
    .join("");
}
