import type { GroupMember } from "../../gen/converge/ledger/v1/discovery_pb.ts";
import { escapeText } from "./escape.ts";

/** Returns `-` for nothing, else text that does nothing to a terminal. */
export function textOrDash(text: string): string {
  return text === "" ? "-" : escapeText(text);
}

/** Returns what happened or what it is, and who. */
export function groupMemberCells(what: string, { memberId, name }: GroupMember): string[] {
  return [what, escapeText(memberId), textOrDash(name)];
}
