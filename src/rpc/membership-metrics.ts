import type { Cluster } from "./cluster.ts";
import { numbers } from "./exposition.ts";
import { counter, labelled, named, only, total } from "./metric-lines.ts";
import { membersByState } from "./membership-reading.ts";

/** What a scrape reads of the cluster. */
export type ClusterReading = Pick<Cluster, "status" | "counts" | "members" | "hasExchanged">;

/** Returns the lines about members and gossip; none if gossip is off. */
export function membershipLines(cluster: ClusterReading): string {
  const [status, counts] = [cluster.status(), cluster.counts()];
  if (counts === undefined) return "";
  const members = [...membersByState(cluster.members())];
  return [
    numbers(
      named("members", "Members of the cluster, this node included."),
      "gauge",
      labelled("state", members),
    ),
    numbers(
      named(
        "gossip_health_score",
        "0 if this node answers in time; up to 7 if it has reason to doubt itself.",
      ),
      "gauge",
      status === undefined ? [] : only(status.healthScore),
    ),
    counter("gossip_packets_total", "Gossip packets.", "direction", [
      ["in", counts.packetsIn],
      ["out", counts.packetsOut],
    ]),
    counter("gossip_bytes_total", "Bytes of gossip packets.", "direction", [
      ["in", counts.bytesIn],
      ["out", counts.bytesOut],
    ]),
    counter("gossip_streams_total", "Gossip streams.", "direction", [
      ["in", counts.streamsIn],
      ["out", counts.streamsOut],
    ]),
    counter("gossip_refused_total", "Gossip that was not taken.", "reason", [
      ...Object.entries(counts.refused),
      ["versions", counts.versionsRefused],
      ["invalid", counts.invalidMessages],
      ["too-many-streams", counts.streamsRefused],
    ]),
    counter("gossip_errors_total", "Gossip that the network did not carry.", "transport", [
      ["packet", counts.sendErrors],
      ["stream", counts.streamErrors],
    ]),
    counter("gossip_probes_total", "Probes of other members.", "outcome", [
      ["answered", counts.probesAnswered],
      ["answered-indirectly", counts.probesAnsweredIndirectly],
      ["failed", counts.probesFailed],
    ]),
    total("gossip_suspicions_total", "Times that a member was taken for suspect.", counts.suspicions),
    total("gossip_deaths_total", "Times that a member was taken for dead.", counts.deaths),
    total(
      "gossip_refutations_total",
      "Times that this node contradicted what was said about it.",
      counts.refutations,
    ),
    total(
      "gossip_name_conflicts_total",
      "Times that two nodes were seen under one name.",
      counts.nameConflicts,
    ),
    total("gossip_stalls_total", "Times that this node stood still.", counts.stalls),
  ].join("");
}
