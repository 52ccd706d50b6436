import type { Member, MemberState } from "../core/member.ts";
import { limits } from "../core/limits.ts";
import type { ClusterReading } from "./membership-metrics.ts";
import type { Check } from "./readiness.ts";

const states: readonly MemberState[] = ["alive", "suspect", "dead", "left"];

/** Returns how many members are in each state. */
export function membersByState(members: readonly Member[]): ReadonlyMap<MemberState, number> {
  const counts = new Map(states.map((state) => [state, 0]));
  for (const { state } of members) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

/**
 * Returns the line of health checks about the cluster; none if gossip is off. Once a node has heard from its cluster, what
 * others do makes it no less ready.
 */
export function membershipChecks(cluster: ClusterReading): readonly Check[] {
  const isGossiping = cluster.counts() !== undefined;
  const name = "members";
  if (!cluster.hasExchanged()) return [{ name, ok: false, detail: isGossiping ? notHeard : cutOff }];
  if (!isGossiping) return [];
  const members = cluster.members();
  if (members.some(({ isSelf, state }) => isSelf && state === "left")) {
    const detail = "this node has left its cluster; join again, or start it again";
    return [{ name, ok: true, degraded: true, detail }];
  }
  const counts = [...membersByState(members)].filter(([state, count]) => count > 0 || state === "alive");
  return [{ name, ok: true, detail: counts.map(([state, count]) => `${count} ${state}`).join(", ") }];
}

const notHeard =
  "has not heard from its cluster since it was started; start one of the other nodes, or forget those that are gone for good";
const cutOff =
  "belongs to a cluster and does not gossip; start it with --gossip, and let it leave to be a cluster of its own";

/** Returns what `/readyz?verbose` tells of the cluster, as plain data. */
export function membershipReport(cluster: ClusterReading): object {
  if (cluster.counts() === undefined) return { gossip: false };
  const status = cluster.status();
  const members = cluster.members();
  const listed = members.slice(0, limits.readyzMembersMax);
  return {
    gossip: status !== undefined,
    ...status,
    counts: Object.fromEntries(membersByState(members)),
    members: listed.map(memberLine),
    more: members.length - listed.length,
  };
}

function memberLine({ name, state, gossipAddress, stateSinceMs, isSelf, tags }: Member): string {
  const what = [
    name,
    state,
    gossipAddress,
    tags.version ?? "-",
    "since",
    new Date(stateSinceMs).toISOString(),
  ];
  return `${what.join(" ")}${isSelf ? ", this node" : ""}`;
}
