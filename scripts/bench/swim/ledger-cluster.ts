import { join } from "node:path";
import { type MemberChangeKind, MemberState } from "../../../src/gen/converge/ledger/v1/membership_pb.ts";
import type { TimingProfile } from "../../../src/swim/timing.ts";
import { type Bench, scratchDirectory } from "../run/bench.ts";
import { freePort } from "../run/free-port.ts";
import { LedgerNode } from "./ledger-node.ts";

export interface LedgerClusterOptions {
  readonly size: number;
  readonly timing: TimingProfile;
}

/** What one node said of another. */
export interface Report {
  readonly atMs: number;
  readonly observer: string;
  readonly change: MemberChangeKind;
  readonly member: string;
}

/** Each node is told this many to join through. */
const seedsMax = 3;
const patienceMs = 60_000;

let clusters = 0;

/**
 * A cluster of built executables, which gossip with each other on one port and loopback addresses of their own, and are
 * watched over their API.
 */
export class LedgerCluster implements AsyncDisposable {
  readonly nodes: readonly LedgerNode[];
  /** Every change that any node told of, the oldest first. */
  readonly reports: Report[] = [];
  readonly #waiting = new Set<() => void>();
  #resources = new AsyncDisposableStack();

  /** Starts a cluster, one node after the other, and returns when all see all. */
  static async start(bench: Bench, options: LedgerClusterOptions): Promise<LedgerCluster> {
    await using resources = new AsyncDisposableStack();
    const { path } = resources.use(await scratchDirectory(bench, "cluster"));
    const network = `127.${101 + (clusters++ % 100)}.0`;
    const cluster = new LedgerCluster(bench, options, { path, network, port: await freePort() });
    for (const node of cluster.nodes) await resources.use(node).start();
    await cluster.allSeeAll();
    cluster.#resources = resources.move();
    return cluster;
  }

  private constructor(
    bench: Bench,
    { size, timing }: LedgerClusterOptions,
    place: { readonly path: string; readonly network: string; readonly port: number },
  ) {
    const addresses = Array.from({ length: size }, (_, at) => `${place.network}.${at + 1}:${place.port}`);
    const seeds = addresses.slice(0, seedsMax).flatMap((address) => ["--join", address]);
    this.nodes = addresses.map((address, at) => {
      const name = `node-${at + 1}`;
      const flags = ["--gossip", address, "--gossip-timing", timing, "--node-name", name, ...seeds];
      const data = join(place.path, name);
      const onChange = (change: MemberChangeKind | undefined, member: string) => {
        if (change !== undefined)
          this.reports.push({ atMs: performance.now(), observer: name, change, member });
        for (const look of this.#waiting) look();
      };
      return new LedgerNode(bench, { name, data, flags, onChange });
    });
  }

  /** All nodes but one. */
  others(than: LedgerNode): readonly LedgerNode[] {
    return this.nodes.filter((node) => node !== than);
  }

  /** Starts a node that does not run; returns how long it takes until it sees all others and all see it. */
  async startAgain(node: LedgerNode): Promise<number> {
    const beganMs = performance.now();
    await node.start();
    return (await this.allSeeAll()) - beganMs;
  }

  async allSeeAll(): Promise<number> {
    return await this.#when("all are alive for all", () =>
      this.nodes.every((one) => this.nodes.every(({ name }) => one.sees(name) === MemberState.ALIVE)),
    );
  }

  /** Waits until all others see a node in a state; returns when they do. */
  async othersSee(subject: LedgerNode, state: MemberState): Promise<number> {
    return await this.#when(`${subject.name} is ${MemberState[state]} for all others`, () =>
      this.others(subject).every((other) => other.sees(subject.name) === state),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  async #when(what: string, isSo: () => boolean): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const look = () => {
      if (isSo()) resolve(performance.now());
    };
    const timer = setTimeout(() => reject(new Error(`Waited ${patienceMs} ms in vain: ${what}`)), patienceMs);
    this.#waiting.add(look);
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(look);
    }
  }
}
