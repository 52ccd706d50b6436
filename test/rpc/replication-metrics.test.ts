import { expect, test } from "bun:test";
import { replicationLines } from "../../src/rpc/replication-metrics.ts";
import { replicationTrouble } from "../../src/rpc/replication-reading.ts";
import { replicationReading } from "../support/replication-reading.ts";

test("replicationLines() gives everything that was read, by name", () => {
  const samples = replicationLines(replicationReading)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.replace("converge_ledger_", ""));
  expect(samples).toEqual([
    'peer_connections{direction="in"} 2',
    'peer_connections{direction="out"} 3',
    'peer_connections_total{direction="in"} 302',
    'peer_connections_total{direction="out"} 301',
    "peer_dial_failures_total 303",
    'peer_handshakes_refused_total{reason="versions"} 304',
    'peer_handshakes_refused_total{reason="key"} 305',
    'peer_connections_cut_total{reason="silence"} 306',
    'peer_connections_cut_total{reason="violation"} 307',
    'peer_bytes_total{direction="in"} 308',
    'peer_bytes_total{direction="out"} 309',
    'peer_calls_total{direction="in",kind="replicate",code="OK"} 312',
    'peer_calls_total{direction="out",kind="rows",code="OK"} 310',
    'peer_calls_total{direction="out",kind="rows",code="DATA_LOSS"} 311',
    "led_contexts 40",
    "led_contexts_behind 5",
    "led_contexts_short 0",
    "entries_awaiting_copies 60",
    "takeovers_total 315",
    "anti_entropy_comparisons_total 313",
    "anti_entropy_differing_total 314",
    'repairs_total{what="entry"} 316',
    'repairs_total{what="tree-node"} 317',
    "repair_failures_total 318",
    "forks_total 319",
    "archives_pending 0",
    'holder_changes_total{change="added"} 320',
    'holder_changes_total{change="removed"} 321',
    'holder_changes_total{change="dropped"} 322',
  ]);
});

test("replicationLines() is silent about a node that keeps its contexts alone", () => {
  expect(replicationLines(undefined)).toBe("");
});

test.each([
  ["nothing", {}, {}],
  [
    "contexts with too few holders alive",
    { led: { ...replicationReading.led, short: 1 } },
    { degraded: true, detail: "1 context with fewer holders alive than an entry needs" },
  ],
  [
    "forks that wait",
    { archivesPending: 2 },
    { degraded: true, detail: "2 archives of a fork not yet in the history again" },
  ],
])("replicationTrouble() tells of %s", (_name, change, expected) => {
  expect(replicationTrouble({ ...replicationReading, ...change })).toEqual(expected);
});
