import { toJsonString } from "@bufbuild/protobuf";
import {
  type DiscoveryServiceMembersResponse,
  DiscoveryServiceMembersResponseSchema,
} from "../../gen/converge/ledger/v1/discovery_pb.ts";
import { MemberState } from "../../gen/converge/ledger/v1/membership_pb.ts";
import { escapeText } from "../render/escape.ts";
import { groupMemberCells, textOrDash } from "../render/group-text.ts";
import { timeText } from "../render/time-text.ts";
import type { Session } from "../session.ts";

/** Prints who is in a group, who serves its context and who watches it. */
export async function showGroup({ client, io, json, signal }: Session, contextId: string): Promise<void> {
  const view = await client.groups.members(contextId, { signal });
  await io.stdout.write(
    json ? `${toJsonString(DiscoveryServiceMembersResponseSchema, view)}\n` : groupLines(view),
  );
}

function groupLines({ members, servers, watchers }: DiscoveryServiceMembersResponse): string {
  const lines = [
    ...members.map((member) => {
      const { nodeId, joinedAtNs, metadata } = member;
      const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
      const said = pairs.map(([name, value]) => escapeText(`${name}=${value}`)).join(" ");
      return [...groupMemberCells("member", member), textOrDash(nodeId), timeText(joinedAtNs), said];
    }),
    ...servers.map(({ nodeId, name, rpcAddress, state, isHome }) => [
      "server",
      ...[nodeId, name, rpcAddress].map(textOrDash),
      (MemberState[state] ?? "unknown").toLowerCase(),
      isHome ? "home" : "",
    ]),
    ...watchers.map(({ nodeId, name, watchers: count, error }) => [
      "watchers",
      ...[nodeId, name].map(textOrDash),
      error === "" ? `${count}` : escapeText(error),
    ]),
  ];
  return lines.map((cells) => `${cells.join("\t")}\n`).join("");
}
