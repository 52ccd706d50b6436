import {
  type Member,
  MemberChangeKind,
  MemberState,
  WriteCopies,
} from "../../gen/converge/ledger/v1/membership_pb.ts";
import { escapeText } from "./escape.ts";
import { timeText } from "./time-text.ts";

const heading = ["NAME", "STATE", "ADDRESS", "RPC", "VERSION", "SINCE", "", "COPIES", ""];

/** Returns a line for each member, columns separated by tabs. */
export function memberLines(members: readonly Member[]): string {
  return members.map((member) => `${cells(member).join("\t")}\n`).join("");
}

/** Returns the same for people: a heading, and columns that are padded. */
export function memberTable(members: readonly Member[]): string {
  const rows = [heading, ...members.map(cells)];
  const widths = heading.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

/** Returns the line about a change: what has happened, and then the columns of the member. */
export function memberChangeLine(change: MemberChangeKind, member: Member): string {
  return `${[nameOf(MemberChangeKind[change]), ...cells(member)].join("\t")}\n`;
}

function cells(member: Member): string[] {
  const { name, state, gossipAddress, rpcAddress, version, stateSinceNs, isSelf } = member;
  const texts = [name, nameOf(MemberState[state]), gossipAddress, rpcAddress, version];
  return [
    ...texts.map((text) => (text === "" ? "-" : escapeText(text))),
    timeText(stateSinceNs),
    isSelf ? "self" : "",
    copiesText(member),
    member.readOnly ? "read-only" : "",
  ];
}

/** `3/majority`: how many nodes keep a context, and how many of them acknowledge. */
function copiesText({ replicas, writeCopies }: Member): string {
  if (replicas === 0) return "-";
  const acknowledged = writeCopies === WriteCopies.ONE ? "1" : nameOf(WriteCopies[writeCopies]);
  return `${replicas}/${acknowledged}`;
}

/** Servers of later versions may have more states and changes. */
function nameOf(name: string | undefined): string {
  return name?.toLowerCase() ?? "unknown";
}
