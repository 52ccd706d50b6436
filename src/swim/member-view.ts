import type { MemberState } from "../core/member.ts";
import type { Endpoint } from "./endpoint.ts";
import type { MemberTable } from "./member-table.ts";

/** A member as one node sees it, copied out of its table. */
export interface MemberView {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly meta: Uint8Array;
  readonly versions: Uint8Array;
  readonly incarnation: number;
  readonly state: MemberState;
  readonly isSelf: boolean;
}

export function memberView(table: MemberTable, slot: number): MemberView {
  const { name, endpoint, meta, versions } = table.profileOf(slot);
  const incarnation = table.incarnationOf(slot);
  return { name, endpoint, meta, versions, incarnation, state: table.stateName(slot), isSelf: false };
}
