import { describe, expect, test } from "bun:test";
import { type MetricSources, PrometheusMetrics } from "../../src/rpc/metrics.ts";
import { refusals } from "../../src/swim/wire/refusal.ts";
import { aloneCluster } from "../../src/server/alone-cluster.ts";
import { counts, fakeCluster, member } from "../support/fake-cluster.ts";

const idle: MetricSources = {
  clock: { after: () => () => {} },
  build: { version: "1.2.3", runtime: "bun 1.4.5" },
  totals: async () => ({ contexts: 3, entries: 40, bytes: 500 }),
  queued: () => ({ entries: 6, bytes: 70 }),
  watches: () => ({ contexts: 2, lagging: 1 }),
  scrub: () => ({ entries: 9, passes: 1, damaged: 2, lastPassAgeSeconds: 0.5 }),
  cluster: aloneCluster({ self: () => ({ name: "n-1", tags: {} }), sinceMs: 0, hasOthers: () => false }),
  replication: () => undefined,
  process: () => ({
    cpuSeconds: 1.5,
    residentBytes: 2 ** 26,
    openFiles: 12,
    startedAtSeconds: 1_795_422_402.25,
    loopDelay: { p99Seconds: 0.001, maxSeconds: 1e-7 },
  }),
};

/** Returns the samples as a map from `name{labels}` to their text value, and fails on lines of any other form. */
function samplesOf(text: string): Map<string, string> {
  expect(text.endsWith("\n")).toBe(true);
  const samples = new Map<string, string>();
  const types = new Set<string>();
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) ([a-z_:0-9]+) \S/.exec(line);
    if (comment !== null) {
      const [, kind, name] = comment;
      expect(types.has(`${kind} ${name}`)).toBe(false);
      types.add(`${kind} ${name}`);
      continue;
    }
    const [, series, value] =
      /^([a-z_:0-9]+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) (\S+)$/.exec(line) ?? [];
    expect([line, series]).not.toContain(undefined);
    expect(samples.has(series ?? "")).toBe(false);
    expect(value).toMatch(/^[+-]?(Inf|\d+(\.\d+)?(e[+-]?\d+)?)$/);
    samples.set(series ?? "", value ?? "");
  }
  return samples;
}

/** Returns the samples whose series begin with `prefix`. */
async function rendered(metrics: PrometheusMetrics, prefix: string): Promise<Record<string, string>> {
  const samples = samplesOf(await metrics.render());
  return Object.fromEntries([...samples].filter(([series]) => series.startsWith(prefix)));
}

describe("PrometheusMetrics.render()", () => {
  test("gives what the sources say", async () => {
    const samples = samplesOf(await new PrometheusMetrics(idle).render());
    const expected = {
      'converge_ledger_build_info{version="1.2.3",runtime="bun 1.4.5"}': "1",
      converge_ledger_contexts: "3",
      converge_ledger_entries: "40",
      converge_ledger_bytes: "500",
      converge_ledger_queue_entries: "6",
      converge_ledger_queue_bytes: "70",
      converge_ledger_watched_contexts: "2",
      converge_ledger_watchers_lagging: "1",
      converge_ledger_scrub_entries_total: "9",
      converge_ledger_scrub_passes_total: "1",
      converge_ledger_scrub_damaged: "2",
      converge_ledger_scrub_last_pass_age_seconds: "0.5",
      process_cpu_seconds_total: "1.5",
      process_resident_memory_bytes: "67108864",
      process_start_time_seconds: "1795422402.25",
      process_open_fds: "12",
      converge_ledger_event_loop_delay_p99_seconds: "0.001",
      converge_ledger_event_loop_delay_max_seconds: "1e-7",
    };
    expect(Object.fromEntries([...samples].filter(([series]) => series in expected))).toEqual(expected);
  });

  test("leaves out what the platform does not tell", async () => {
    const process = () => ({ ...idle.process(), openFiles: undefined, loopDelay: undefined });
    const text = await new PrometheusMetrics({ ...idle, process }).render();
    expect(text).not.toMatch(/open_fds|event_loop|undefined/);
  });

  test("has no time since the last scrub before there was one", async () => {
    const scrub = () => ({ entries: 0, passes: 0, damaged: 0, lastPassAgeSeconds: undefined });
    const text = await new PrometheusMetrics({ ...idle, scrub }).render();
    expect(text).toContain("converge_ledger_scrub_passes_total 0\n");
    expect(text).not.toMatch(/last_pass|undefined/);
  });

  test("has nothing about members of a node that does not gossip", async () => {
    expect(await new PrometheusMetrics(idle).render()).not.toMatch(/gossip|members/);
  });

  test("gives members by state, and what gossip has counted, with a series for each refusal from the start", async () => {
    const cluster = fakeCluster({
      members: [member("a", { isSelf: true }), member("b"), member("c", { state: "dead" })],
    });
    const samples = await rendered(new PrometheusMetrics({ ...idle, cluster }), "converge_ledger_members");
    expect(samples).toEqual({
      'converge_ledger_members{state="alive"}': "2",
      'converge_ledger_members{state="suspect"}': "0",
      'converge_ledger_members{state="dead"}': "1",
      'converge_ledger_members{state="left"}': "0",
    });
    const gossip = await rendered(new PrometheusMetrics({ ...idle, cluster }), "converge_ledger_gossip_");
    const refused = Object.keys(gossip).filter((series) => series.includes("_refused_total"));
    expect(refused.map((series) => /reason="([^"]+)"/.exec(series)?.[1])).toEqual([
      ...refusals,
      "versions",
      "invalid",
      "too-many-streams",
    ]);
    expect(gossip).toMatchObject({
      converge_ledger_gossip_health_score: "2",
      'converge_ledger_gossip_packets_total{direction="in"}': String(counts.packetsIn),
      'converge_ledger_gossip_packets_total{direction="out"}': String(counts.packetsOut),
      'converge_ledger_gossip_bytes_total{direction="in"}': String(counts.bytesIn),
      'converge_ledger_gossip_bytes_total{direction="out"}': String(counts.bytesOut),
      'converge_ledger_gossip_streams_total{direction="in"}': String(counts.streamsIn),
      'converge_ledger_gossip_streams_total{direction="out"}': String(counts.streamsOut),
      'converge_ledger_gossip_refused_total{reason="key"}': String(counts.refused["key"]),
      'converge_ledger_gossip_refused_total{reason="versions"}': String(counts.versionsRefused),
      'converge_ledger_gossip_refused_total{reason="invalid"}': String(counts.invalidMessages),
      'converge_ledger_gossip_refused_total{reason="too-many-streams"}': String(counts.streamsRefused),
      'converge_ledger_gossip_errors_total{transport="packet"}': String(counts.sendErrors),
      'converge_ledger_gossip_errors_total{transport="stream"}': String(counts.streamErrors),
      'converge_ledger_gossip_probes_total{outcome="answered"}': String(counts.probesAnswered),
      'converge_ledger_gossip_probes_total{outcome="answered-indirectly"}': String(
        counts.probesAnsweredIndirectly,
      ),
      'converge_ledger_gossip_probes_total{outcome="failed"}': String(counts.probesFailed),
      converge_ledger_gossip_suspicions_total: String(counts.suspicions),
      converge_ledger_gossip_deaths_total: String(counts.deaths),
      converge_ledger_gossip_refutations_total: String(counts.refutations),
      converge_ledger_gossip_name_conflicts_total: String(counts.nameConflicts),
      converge_ledger_gossip_stalls_total: String(counts.stalls),
    });
  });

  const failing: [string, () => Promise<never>][] = [
    ["fails", () => Promise.reject(new Error("closed"))],
    ["does not answer", () => new Promise(() => {})],
  ];
  for (const [name, totals] of failing) {
    test(`leaves the totals out if the store ${name}`, async () => {
      const clock = {
        after: (_: number, callback: () => void) => {
          queueMicrotask(callback);
          return () => {};
        },
      };
      const text = await new PrometheusMetrics({ ...idle, clock, totals }).render();
      expect(text).not.toContain("converge_ledger_contexts");
      expect(samplesOf(text).get("converge_ledger_queue_entries")).toBe("6");
    });
  }

  test("cancels its timer when the store answers", async () => {
    let timers = 0;
    const clock = {
      after: () => {
        timers += 1;
        return () => {
          timers -= 1;
        };
      },
    };
    await new PrometheusMetrics({ ...idle, clock }).render();
    expect(timers).toBe(0);
  });

  test("counts operations by operation, protocol and code in cumulative buckets", async () => {
    const metrics = new PrometheusMetrics(idle);
    for (const seconds of [0.0001, 0.001, 0.002, 60]) metrics.operation("Append", "grpc", "OK", seconds);
    metrics.operation("Append", "connect", "RESOURCE_EXHAUSTED", 0.5);
    metrics.operation("Get", "grpc", "OK", 0.5);
    const name = "converge_ledger_operation_duration_seconds";
    const labels = 'operation="Append",protocol="grpc",code="OK"';
    const samples = await rendered(metrics, name);
    const buckets = Object.entries(samples)
      .filter(([series]) => series.startsWith(`${name}_bucket{${labels}`))
      .map(([series, value]) => [/le="(.*)"/.exec(series)?.[1], value]);
    expect(buckets).toEqual([
      ["0.00025", "1"],
      ["0.0005", "1"],
      ["0.001", "2"],
      ["0.0025", "3"],
      ...["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10"].map((le) => [
        le,
        "3",
      ]),
      ["+Inf", "4"],
    ]);
    expect(samples[`${name}_count{${labels}}`]).toBe("4");
    expect(Number(samples[`${name}_sum{${labels}}`])).toBeCloseTo(60.0031, 9);
    expect(samples[`${name}_count{operation="Append",protocol="connect",code="RESOURCE_EXHAUSTED"}`]).toBe(
      "1",
    );
    expect(samples[`${name}_count{operation="Get",protocol="grpc",code="OK"}`]).toBe("1");
  });

  test("counts commits by entries, bytes and times", async () => {
    const metrics = new PrometheusMetrics(idle);
    metrics.commit({ entries: 1, bytes: 256, syncSeconds: 0.0001, totalSeconds: 0.0002 });
    metrics.commit({ entries: 8192, bytes: 2 ** 24, syncSeconds: 0.02, totalSeconds: 0.03 });
    const samples = samplesOf(await metrics.render());
    expect(samples.get('converge_ledger_commit_entries_bucket{le="1"}')).toBe("1");
    expect(samples.get('converge_ledger_commit_entries_bucket{le="8192"}')).toBe("2");
    expect(samples.get("converge_ledger_commit_entries_sum")).toBe("8193");
    expect(samples.get('converge_ledger_commit_bytes_bucket{le="256"}')).toBe("1");
    expect(samples.get('converge_ledger_commit_bytes_bucket{le="16777216"}')).toBe("2");
    expect(samples.get('converge_ledger_fsync_duration_seconds_bucket{le="0.0001"}')).toBe("1");
    expect(samples.get('converge_ledger_fsync_duration_seconds_bucket{le="0.025"}')).toBe("2");
    expect(samples.get("converge_ledger_commit_duration_seconds_count")).toBe("2");
  });

  test("counts open watches by protocol, and restarts by child", async () => {
    const metrics = new PrometheusMetrics(idle);
    metrics.watcher("sse", 1);
    metrics.watcher("sse", 1);
    metrics.watcher("sse", -1);
    metrics.watcher("grpc", 1);
    metrics.watcher("grpc", -1);
    metrics.childRestarted('Ledger/"Sto\\rage"\n');
    metrics.childRestarted("Ledger/Servers");
    metrics.childRestarted("Ledger/Servers");
    expect(await rendered(metrics, "converge_ledger_watchers{")).toEqual({
      'converge_ledger_watchers{protocol="grpc"}': "0",
      'converge_ledger_watchers{protocol="grpc-web"}': "0",
      'converge_ledger_watchers{protocol="connect"}': "0",
      'converge_ledger_watchers{protocol="sse"}': "1",
    });
    expect(await rendered(metrics, "converge_ledger_child_restarts")).toEqual({
      'converge_ledger_child_restarts_total{child="Ledger/\\"Sto\\\\rage\\"\\n"}': "1",
      'converge_ledger_child_restarts_total{child="Ledger/Servers"}': "2",
    });
  });
});
