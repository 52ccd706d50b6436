import { methods, mustCall } from "./call.ts";

export interface AliveMember {
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly nodeId: string;
}

/** The members that a node sees alive, itself included. */
export async function aliveMembersOf(url: string): Promise<readonly AliveMember[]> {
  const { members = [] } = (await mustCall({
    url,
    method: methods.members,
    request: {},
    timeoutMs: 2_000,
  })) as {
    readonly members?: readonly { readonly name: string; readonly nodeId?: string; readonly state: string }[];
  };
  return members
    .filter(({ state }) => state === "MEMBER_STATE_ALIVE")
    .map(({ name, nodeId = "" }) => ({ name, nodeId }));
}
