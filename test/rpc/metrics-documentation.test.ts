import { expect, test } from "bun:test";
import { PrometheusMetrics } from "../../src/rpc/metrics.ts";
import { fakeCluster } from "../support/fake-cluster.ts";
import { replicationReading } from "../support/replication-reading.ts";

test("docs/operations.md has exactly the metrics of PrometheusMetrics, with their types", async () => {
  const metrics = new PrometheusMetrics({
    clock: { after: () => () => {} },
    build: { version: "x", runtime: "x" },
    totals: async () => ({ contexts: 0, entries: 0, bytes: 0 }),
    queued: () => ({ entries: 0, bytes: 0 }),
    watches: () => ({ contexts: 0, lagging: 0 }),
    scrub: () => ({ entries: 9, passes: 1, damaged: 2, lastPassAgeSeconds: 0.5 }),
    cluster: fakeCluster(),
    replication: () => replicationReading,
    process: () => ({
      cpuSeconds: 0,
      residentBytes: 0,
      openFiles: 0,
      startedAtSeconds: 0,
      loopDelay: { p99Seconds: 0, maxSeconds: 0 },
    }),
  });
  metrics.operation("Append", "grpc", "OK", 0);
  metrics.watcher("sse", 1);
  metrics.childRestarted("Ledger");
  const rendered = (await metrics.render()).matchAll(/^# TYPE (\S+) (\S+)$/gm);
  const page = await Bun.file(new URL("../../docs/operations.md", import.meta.url)).text();
  const documented = page.matchAll(/^\| `(\w+)` +\| (counter|gauge|histogram) +\|/gm);
  const sorted = (matches: Iterable<RegExpExecArray>) =>
    [...matches].map(([, name, type]) => `${name} ${type}`).sort();
  expect(sorted(documented)).toEqual(sorted(rendered));
});
