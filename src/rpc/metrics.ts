import type { CallCode, Metrics, Operation, Protocol } from "../core/metrics.ts";
import type { Clock, Totals } from "../ledger/ports.ts";
import type { ScrubReading } from "../ledger/scrubber.ts";
import { expositionType, type Family, histograms, numbers, type Sample } from "./exposition.ts";
import { only } from "./metric-lines.ts";
import { Histogram } from "./histogram.ts";
import { type ClusterReading, membershipLines } from "./membership-metrics.ts";
import { replicationLines } from "./replication-metrics.ts";
import type { ReplicationReading } from "./replication-reading.ts";

/** Where a scrape gets what is not counted as it happens. */
export interface MetricSources {
  readonly clock: Pick<Clock, "after">;
  readonly build: { readonly version: string; readonly runtime: string };
  totals(): Promise<Totals>;
  /** Appends that wait for their commit. */
  queued(): { readonly entries: number; readonly bytes: number };
  watches(): { readonly contexts: number; readonly lagging: number };
  scrub(): ScrubReading;
  readonly cluster: ClusterReading;
  /** Undefined if this node keeps its contexts alone, or while that part restarts. */
  replication(): ReplicationReading | undefined;
  process(): ProcessReading;
}

/** The process as the system sees it. What the platform does not tell is undefined. */
export interface ProcessReading {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly openFiles: number | undefined;
  readonly startedAtSeconds: number;
  /** How late the event loop was since the last reading; undefined if it is not watched. */
  readonly loopDelay: { readonly p99Seconds: number; readonly maxSeconds: number } | undefined;
}

export const metricsContentType = expositionType;

const callSeconds = [
  0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
const syncSeconds = [0.0001, ...callSeconds];
const entryCounts = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];
const byteCounts = Array.from({ length: 9 }, (_, step) => 256 * 4 ** step);
/** A store that does not answer for this long is left out of the scrape. */
const totalsTimeoutMs = 1000;

/** Each has its watchers from the start: an alert on a series that is not there never fires. */
const protocols: readonly Protocol[] = ["grpc", "grpc-web", "connect", "sse"];

/** Metrics for Prometheus. */
export class PrometheusMetrics implements Metrics {
  readonly #sources: MetricSources;
  readonly #operations = new Map<Operation, Map<Protocol, Map<CallCode, Histogram>>>();
  readonly #commitEntries = new Histogram(entryCounts);
  readonly #commitBytes = new Histogram(byteCounts);
  readonly #commitSeconds = new Histogram(syncSeconds);
  readonly #syncSeconds = new Histogram(syncSeconds);
  readonly #watchers = new Map<Protocol, number>(protocols.map((protocol) => [protocol, 0]));
  readonly #restarts = new Map<string, number>();

  constructor(sources: MetricSources) {
    this.#sources = sources;
  }

  operation(operation: Operation, protocol: Protocol, code: CallCode, seconds: number): void {
    const histogram =
      this.#operations.get(operation)?.get(protocol)?.get(code) ??
      this.#addOperation(operation, protocol, code);
    histogram.observe(seconds);
  }

  commit(commit: Parameters<Metrics["commit"]>[0]): void {
    this.#commitEntries.observe(commit.entries);
    this.#commitBytes.observe(commit.bytes);
    this.#commitSeconds.observe(commit.totalSeconds);
    this.#syncSeconds.observe(commit.syncSeconds);
  }

  watcher(protocol: Protocol, change: 1 | -1): void {
    this.#watchers.set(protocol, (this.#watchers.get(protocol) ?? 0) + change);
  }

  childRestarted(child: string): void {
    this.#restarts.set(child, (this.#restarts.get(child) ?? 0) + 1);
  }

  /** Returns the page that Prometheus reads, of type {@link metricsContentType}. Never rejects. */
  async render(): Promise<string> {
    const { build } = this.#sources;
    const totals = await this.#totals();
    return [
      numbers(named("build_info", "Version of the server; always 1."), "gauge", [
        { labels: { ...build }, value: 1 },
      ]),
      histograms(
        named("operation_duration_seconds", "Time from request to answer; of a stream, to its end."),
        [...this.#operationSamples()],
      ),
      histograms(named("commit_entries", "Entries of one commit."), only(this.#commitEntries)),
      histograms(
        named("commit_bytes", "Payloads, keys and metadata of one commit."),
        only(this.#commitBytes),
      ),
      histograms(
        named("commit_duration_seconds", "Time of one commit, fsync included."),
        only(this.#commitSeconds),
      ),
      histograms(
        named("fsync_duration_seconds", "Time in which one commit was made durable."),
        only(this.#syncSeconds),
      ),
      totals === undefined ? "" : totalLines(totals),
      queueLines(this.#sources.queued()),
      numbers(named("watchers", "Open watches."), "gauge", mapSamples("protocol", this.#watchers)),
      watchLines(this.#sources.watches()),
      scrubLines(this.#sources.scrub()),
      membershipLines(this.#sources.cluster),
      replicationLines(this.#sources.replication()),
      numbers(
        named("child_restarts_total", "Restarts of parts of the server after a crash."),
        "counter",
        mapSamples("child", this.#restarts),
      ),
      processLines(this.#sources.process()),
    ].join("");
  }

  #addOperation(operation: Operation, protocol: Protocol, code: CallCode): Histogram {
    const byProtocol = this.#operations.get(operation) ?? new Map<Protocol, Map<CallCode, Histogram>>();
    const byCode = byProtocol.get(protocol) ?? new Map<CallCode, Histogram>();
    const histogram = new Histogram(callSeconds);
    this.#operations.set(operation, byProtocol.set(protocol, byCode.set(code, histogram)));
    return histogram;
  }

  *#operationSamples(): Generator<Sample<Histogram>> {
    for (const [operation, byProtocol] of this.#operations) {
      for (const [protocol, byCode] of byProtocol) {
        for (const [code, value] of byCode) yield { labels: { operation, protocol, code }, value };
      }
    }
  }

  #totals(): Promise<Totals | undefined> {
    return new Promise((resolve) => {
      const cancel = this.#sources.clock.after(totalsTimeoutMs, () => resolve(undefined));
      const settle = (totals?: Totals) => {
        cancel();
        resolve(totals);
      };
      this.#sources.totals().then(settle, () => settle());
    });
  }
}

function named(name: string, help: string): Family {
  return { name: `converge_ledger_${name}`, help };
}

function gauge(name: string, help: string, value: number): string {
  return numbers({ name, help }, "gauge", only(value));
}

function mapSamples(label: string, values: ReadonlyMap<string, number>): Sample<number>[] {
  return [...values].map(([name, value]) => ({ labels: { [label]: name }, value }));
}

function totalLines({ contexts, entries, bytes }: Totals): string {
  return (
    gauge("converge_ledger_contexts", "Contexts in the store.", contexts) +
    gauge("converge_ledger_entries", "Entries in the store.", entries) +
    gauge("converge_ledger_bytes", "Payloads, keys and metadata in the store.", bytes)
  );
}

function queueLines({ entries, bytes }: ReturnType<MetricSources["queued"]>): string {
  return (
    gauge("converge_ledger_queue_entries", "Entries that wait for their commit.", entries) +
    gauge("converge_ledger_queue_bytes", "Bytes of entries that wait for their commit.", bytes)
  );
}

function watchLines({ contexts, lagging }: ReturnType<MetricSources["watches"]>): string {
  return (
    gauge("converge_ledger_watched_contexts", "Contexts with at least one watch.", contexts) +
    gauge("converge_ledger_watchers_lagging", "Watches that were not sent everything yet.", lagging)
  );
}

function scrubLines({ entries, passes, damaged, lastPassAgeSeconds }: ScrubReading): string {
  const lines = [
    numbers(
      named("scrub_entries_total", "Entries that were verified in the background."),
      "counter",
      only(entries),
    ),
    numbers(
      named("scrub_passes_total", "Times that everything was verified in the background."),
      "counter",
      only(passes),
    ),
    gauge(
      "converge_ledger_scrub_damaged",
      "Entries and contexts that are known to be damaged in the store.",
      damaged,
    ),
  ];
  if (lastPassAgeSeconds !== undefined)
    lines.push(
      gauge(
        "converge_ledger_scrub_last_pass_age_seconds",
        "Time since everything was last verified in the background.",
        lastPassAgeSeconds,
      ),
    );
  return lines.join("");
}

function processLines(reading: ProcessReading): string {
  const { cpuSeconds, residentBytes, openFiles, startedAtSeconds, loopDelay } = reading;
  const cpu = { name: "process_cpu_seconds_total", help: "User and system CPU time of the process." };
  const lines = [
    numbers(cpu, "counter", only(cpuSeconds)),
    gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.", residentBytes),
    gauge("process_start_time_seconds", "Start of the process since 1970-01-01 UTC.", startedAtSeconds),
  ];
  if (openFiles !== undefined) lines.push(gauge("process_open_fds", "Open file descriptors.", openFiles));
  if (loopDelay !== undefined) {
    const since = "since the last scrape";
    lines.push(
      gauge(
        "converge_ledger_event_loop_delay_p99_seconds",
        `How late the event loop was, ${since}.`,
        loopDelay.p99Seconds,
      ),
      gauge(
        "converge_ledger_event_loop_delay_max_seconds",
        `How late the event loop was at most, ${since}.`,
        loopDelay.maxSeconds,
      ),
    );
  }
  return lines.join("");
}
