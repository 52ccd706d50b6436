import { numbers, type Sample } from "./exposition.ts";
import { counter, gauge, labelled, named, total } from "./metric-lines.ts";
import type { PeerReading, ReplicationReading } from "./replication-reading.ts";

/** Returns the lines about copies and about connections between nodes; none if this node keeps its contexts alone. */
export function replicationLines(reading: ReplicationReading | undefined): string {
  if (reading === undefined) return "";
  const { peers, led, comparisons, takeovers, repairs, forks, archivesPending, holderChanges } = reading;
  return [
    peerLines(peers),
    gauge("led_contexts", "Contexts whose home this node is, as far as they are in memory.", led.contexts),
    gauge(
      "led_contexts_behind",
      "Led contexts of which a holder is not known to have everything.",
      led.behind,
    ),
    gauge(
      "led_contexts_short",
      "Led contexts of which fewer holders are alive than an entry needs.",
      led.short,
    ),
    gauge(
      "entries_awaiting_copies",
      "Entries of led contexts that are stored here and not yet on enough others.",
      led.entriesWaiting,
    ),
    total("takeovers_total", "Times that this node became the home of a context.", takeovers),
    total(
      "anti_entropy_comparisons_total",
      "Comparisons with another node that came to their end.",
      comparisons.rounds,
    ),
    total(
      "anti_entropy_differing_total",
      "Contexts that comparisons found to differ.",
      comparisons.differing,
    ),
    counter("repairs_total", "What was damaged here and was put right.", "what", [
      ["entry", repairs.entries],
      ["tree-node", repairs.nodes],
    ]),
    total(
      "repair_failures_total",
      "Times that something damaged could not be put right, and is tried again.",
      repairs.failures,
    ),
    total("forks_total", "Times that acknowledged entries lost their place here.", forks),
    gauge(
      "archives_pending",
      "Archives of which not everything is known to be in the history again.",
      archivesPending,
    ),
    counter("holder_changes_total", "Copies that moved.", "change", Object.entries(holderChanges)),
  ].join("");
}

function peerLines(peers: PeerReading): string {
  const { connections, dialled, accepted, dialFailures, refusals, silences, violations } = peers;
  return [
    numbers(
      named("peer_connections", "Connections with other nodes that are open."),
      "gauge",
      labelled("direction", Object.entries(connections)),
    ),
    counter("peer_connections_total", "Connections with other nodes that were made.", "direction", [
      ["in", accepted],
      ["out", dialled],
    ]),
    total("peer_dial_failures_total", "Attempts to reach another node that failed.", dialFailures),
    counter(
      "peer_handshakes_refused_total",
      "Handshakes with other nodes that came to nothing.",
      "reason",
      Object.entries(refusals),
    ),
    counter("peer_connections_cut_total", "Connections with other nodes that this one cut.", "reason", [
      ["silence", silences],
      ["violation", violations],
    ]),
    counter("peer_bytes_total", "Bytes between nodes, gossip left out.", "direction", [
      ["in", peers.bytesIn],
      ["out", peers.bytesOut],
    ]),
    numbers(named("peer_calls_total", "Calls and streams between nodes that have ended."), "counter", [
      ...callSamples("in", peers.answered),
      ...callSamples("out", peers.asked),
    ]),
  ].join("");
}

function callSamples(direction: string, calls: PeerReading["asked"]): Sample<number>[] {
  return Object.entries(calls).flatMap(([kind, outcomes = {}]) =>
    Object.entries(outcomes).map(([code, value]) => ({ labels: { direction, kind, code }, value })),
  );
}
