import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkHistory } from "./check/check-history.ts";
import type { History } from "./check/history.ts";
import { Random } from "./record/random.ts";
import { Recorder } from "./record/recorder.ts";
import type { Need, Scenario } from "./scenarios/scenario.ts";
import { Cluster, type WriteCopies } from "./world/cluster.ts";
import { contextNames } from "./world/context-names.ts";
import { openLoopbackNetwork } from "./world/loopback-network.ts";
import { openNamespaceNetwork } from "./world/namespace-network.ts";
import type { Network } from "./world/network.ts";
import { isInSandbox } from "./world/sandbox.ts";
import { mountSmallDisk, type SmallDisk } from "./world/small-disk.ts";

export interface TrialOptions {
  readonly executable: string;
  readonly seed: number;
  readonly writeCopies: WriteCopies;
  readonly timing: "local" | "lan";
  /** Milliseconds of load between two steps of a scenario. */
  readonly paceMs: number;
  /** Patience after healing. */
  readonly settleMs: number;
  /** Logs, data and the history of a trial with violations are copied into this directory. */
  readonly keep: string | undefined;
  readonly say: (text: string) => void;
}

export interface Verdict {
  readonly scenario: string;
  readonly seed: number;
  /** What the machine lacks for it. */
  readonly skipped?: string;
  readonly counts?: Counts;
  readonly violations: readonly string[];
}

export interface Counts {
  readonly sent: number;
  readonly acknowledged: number;
  /** Attempts that were not acknowledged. */
  readonly unknown: number;
  readonly events: number;
  readonly resets: number;
  readonly reads: number;
  readonly checkpoints: number;
}

const smallDiskMegabytes = 48;
/** Beyond the pace and patience of a trial something hangs. */
const scenarioMsMax = 300_000;

/** Runs one scenario on a cluster of its own. A trial that fails for another reason is a violation too. */
export async function runScenario(scenario: Scenario, options: TrialOptions): Promise<Verdict> {
  const { seed } = options;
  const told = { scenario: scenario.name, seed };
  const scratch = await mkdtemp(join(tmpdir(), "converge-ledger-trial-"));
  const stack = new AsyncDisposableStack();
  stack.defer(async () => await rm(scratch, { recursive: true, force: true, maxRetries: 5 }));
  try {
    const network = stack.use(await openNetwork(scenario.nodes ?? 3, scratch));
    const disk = await openDisk(scenario, scratch);
    if (disk !== undefined) stack.use(disk);
    const skipped = missing(scenario.needs, network, disk);
    if (skipped !== undefined) return { ...told, skipped, violations: [] };
    const { history, found } = await tried(scenario, options, { network, scratch, disk });
    const violations = [...found, ...checkHistory(history)];
    if (violations.length > 0) await keep(options, { scratch, name: scenario.name, history });
    return { ...told, counts: countsOf(history), violations };
  } catch (error) {
    await keep(options, { scratch, name: scenario.name });
    return { ...told, violations: [`the trial did not come to its end: ${Bun.inspect(error)}`] };
  } finally {
    await stack.disposeAsync();
  }
}

interface Means {
  readonly network: Network;
  readonly scratch: string;
  readonly disk: SmallDisk | undefined;
}

/** Brings the cluster up, lets the story happen, heals, and returns what the client saw. */
async function tried(
  scenario: Scenario,
  options: TrialOptions,
  { network, scratch, disk }: Means,
): Promise<{ readonly history: History; readonly found: readonly string[] }> {
  const writeCopies = scenario.writeCopies ?? options.writeCopies;
  await using cluster = await Cluster.prepare({
    ...{ executable: options.executable, network, scratch, writeCopies, timing: options.timing },
    nodes: scenario.nodes ?? 3,
    flags: scenario.flags ?? [],
    dataOf: new Map(disk === undefined ? [] : [[0, join(disk.path, "data")]]),
  });
  await (scenario.start?.(cluster) ?? cluster.start());
  const random = new Random(options.seed);
  const contexts = await contextNames(cluster, 3, options.seed);
  // A node that was never started is nobody's target.
  const known = new Set(cluster.running);
  const recorder = new Recorder({
    targets: () => {
      for (const node of cluster.running) known.add(node);
      return [...known].map(({ name, url, grpcUrl }) => ({ name, url, grpcUrl }));
    },
    ...{ contexts, seed: options.seed, pauseMs: scenario.pauseMs ?? 20, settleMs: options.settleMs },
  });
  try {
    recorder.begin();
    const load = async (paces = 1): Promise<void> => await Bun.sleep(paces * options.paceMs);
    const trial = { cluster, recorder, contexts, random, writeCopies, load, say: options.say, disk };
    const found = await inTime(scenario.run(trial));
    await disk?.empty();
    await cluster.heal();
    await cluster.formed();
    const resetsMax = writeCopies === "1" ? (scenario.resetsMax ?? 1) : 0;
    const history = await recorder.finish(
      cluster.nodes.map(({ name, url, grpcUrl }) => ({ name, url, grpcUrl })),
      { resetsMax, writeCopies },
    );
    return { history, found };
  } finally {
    await recorder.abandon();
  }
}

async function inTime<T>(story: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`The scenario took more than ${scenarioMsMax} ms`)),
    scenarioMsMax,
  );
  return await Promise.race([story, late.promise]).finally(() => clearTimeout(timer));
}

async function openNetwork(nodes: number, scratch: string): Promise<Network> {
  return isInSandbox() ? await openNamespaceNetwork(nodes, scratch) : await openLoopbackNetwork(nodes);
}

async function openDisk(scenario: Scenario, scratch: string): Promise<SmallDisk | undefined> {
  if (scenario.needs !== "small disk" || process.platform !== "linux") return undefined;
  return await mountSmallDisk(join(scratch, "small"), smallDiskMegabytes);
}

function missing(need: Need | undefined, network: Network, disk: SmallDisk | undefined): string | undefined {
  if (need === "small disk") return disk === undefined ? "the right to mount" : undefined;
  if (need === undefined) return undefined;
  if (network.links === undefined) return "network namespaces";
  return need === "slow links" && network.links.slow === undefined ? "gcc" : undefined;
}

interface Kept {
  readonly scratch: string;
  readonly name: string;
  readonly history?: History;
}

async function keep(
  { keep: directory, seed }: TrialOptions,
  { scratch, name, history }: Kept,
): Promise<void> {
  if (directory === undefined) return;
  const path = join(directory, `${name}-${seed}`);
  await cp(scratch, path, { recursive: true, filter: (file) => !file.endsWith(".lock") });
  if (history !== undefined) await Bun.write(join(path, "history.json"), JSON.stringify(history));
}

function countsOf({ sent, watches, reads, checkpoints }: History): Counts {
  const events = watches.flatMap((watch) => watch.events);
  return {
    sent: sent.length,
    acknowledged: sent.filter(({ acknowledged }) => acknowledged !== undefined).length,
    unknown: sent.reduce((sum, { failures }) => sum + failures.length, 0),
    events: events.filter(({ kind }) => kind === "entry").length,
    resets: events.filter(({ kind }) => kind === "reset").length,
    reads: reads.length,
    checkpoints: checkpoints.length,
  };
}
