import type { Member } from "../../core/member.ts";

const order: Readonly<Record<Member["state"], number>> = { alive: 0, suspect: 1, dead: 2, left: 3 };

/** Returns HOST:PORT where a node takes connections of others; undefined if it is no member. One that seems dead may not be. */
export function peerAddressOf(nodeId: string, members: readonly Member[]): string | undefined {
  let best: Member | undefined;
  for (const member of members) {
    if (member.tags.nodeId !== nodeId || member.isSelf) continue;
    if (best === undefined || order[member.state] < order[best.state]) best = member;
  }
  return best?.gossipAddress;
}
