import { loadHasher } from "../../../src/hash/load-hasher.ts";
import { Ledger } from "../../../src/ledger/ledger.ts";
import { inflate } from "../../../src/node/inflate.ts";
import type { AntiEntropyTiming } from "../../../src/node/replication/anti-entropy.ts";
import type { RebalancerTiming } from "../../../src/node/replication/rebalancer.ts";
import { Replication } from "../../../src/node/replication/replication.ts";
import { createZstd } from "../../../src/node/zstd.ts";
import { ClusterLedger } from "../../../src/server/cluster-ledger.ts";
import { GossipView } from "../../../src/server/cluster/gossip-view.ts";
import type { CopyRules } from "../../../src/sync/view.ts";
import { FakeSigner } from "../../support/fake-signer.ts";
import { SeededRandom } from "../harness/seeded-random.ts";
import { Disk } from "./disk.ts";
import type { EpochBook } from "./epoch-book.ts";
import type { Membership } from "./membership.ts";
import type { PeerServer, SimulatedPeers } from "./peer-network.ts";
import { Process } from "./process.ts";
import type { VirtualTime } from "./virtual-time.ts";
import { silentLog } from "../../support/silent-log.ts";

const hasher = await loadHasher();
const zstd = createZstd();

/** As they are in truth, but that copies are compared and moved sooner, so that it happens at all. */
const antiEntropy: AntiEntropyTiming = { intervalMs: 4000, returnedMs: 300, askMs: 2000 };
const rebalancer: RebalancerTiming = { settleMs: 400, retryMs: 1500, giveUpMs: 12_000, pauseMs: 5 };

export interface SimulatedNodeParts {
  readonly nodeId: string;
  readonly machine: number;
  readonly seed: number;
  readonly time: VirtualTime;
  readonly network: SimulatedPeers;
  readonly membership: Membership;
  readonly rules: CopyRules;
  readonly epochs: EpochBook;
}

/** What runs on a machine: the parts of a server that keep and serve entries. */
export interface Running {
  readonly process: Process;
  readonly ledger: Ledger;
  readonly replication: Replication;
  /** What clients are answered by. */
  readonly cluster: ClusterLedger;
}

/** One machine of a simulated cluster: a disk, and processes that use it one after the other. */
export class SimulatedNode {
  readonly nodeId: string;
  readonly machine: number;
  readonly disk: Disk;
  /** It has left, or its disk is lost: it comes back no more. */
  isGone = false;
  readonly #parts: SimulatedNodeParts;
  #life = 0;
  #running: Running | undefined;

  constructor(parts: SimulatedNodeParts) {
    this.nodeId = parts.nodeId;
    this.machine = parts.machine;
    this.#parts = parts;
    this.disk = new Disk(parts.nodeId, new SeededRandom(parts.seed, 1000 + parts.machine));
  }

  /** Undefined while no process runs, or none has begun to work. */
  get running(): Running | undefined {
    return this.#running;
  }

  get ledger(): Ledger | undefined {
    return this.#running?.ledger;
  }

  async start(): Promise<void> {
    this.#life += 1;
    const { time, network, rules, seed, membership, machine, epochs } = this.#parts;
    const { nodeId } = this;
    const process = new Process(time);
    const store = await this.disk.open(process);
    const random = new SeededRandom(seed, 2000 + 100 * machine + this.#life);
    const clock = process.clock();
    const ledger = new Ledger({
      ...{ store, clock, random, hasher, zstd, inflate, scrubRate: 0, signer: new FakeSigner() },
      observer: { commit() {}, found() {}, healed() {}, scrubFailed() {} },
    });
    const view = new GossipView({
      selfId: nodeId,
      members: () => membership.members(machine),
      roster: () => membership.roster(machine),
      hasExchanged: () => membership.hasExchanged(machine),
      canWrite: () => !this.disk.isFull,
    });
    const peers = network.of(nodeId, process);
    const fraction = (): number => random.fraction();
    const replication = new Replication({
      ...{ replicas: ledger.replicas, clock, hasher, rules, log: silentLog, view, peers, random: fraction },
      ...{ antiEntropy, rebalancer },
      appendMoved: (contextId, lost) => ledger.appendMoved(contextId, lost),
    });
    const local = epochs.watching(ledger, replication);
    const parts = { local, routing: replication, peers, view, clock, hasher, random: fraction };
    const cluster = new ClusterLedger(parts);
    this.#running = { process, ledger, replication, cluster };
    network.serve(nodeId, process, serverOf(replication, cluster));
    membership.start(machine, () => process.deliver(() => view.changed()));
    membership.tell(machine, !this.disk.isFull);
  }

  /** Holds the process for a while; packets and timers wait. */
  hold(forMs: number): void {
    this.#running?.process.hold(forMs);
    this.#parts.membership.hold(this.machine, forMs);
  }

  crash(): void {
    this.#running?.process.end();
    this.#parts.network.crash(this.nodeId);
    this.#parts.membership.crash(this.machine);
    this.#running?.replication.stop();
    this.#running = undefined;
  }
}

function serverOf(replication: Replication, cluster: ClusterLedger): PeerServer {
  const answer = async (from: string, kind: string, any: never): Promise<unknown> => {
    switch (kind) {
      case "replicate":
        return await replication.replicate(any);
      case "prepare":
        return await replication.prepare(any);
      case "adopt":
        return await replication.adopt(from, any);
      case "nodes":
        return await replication.nodes(any);
      case "rows":
        return await replication.rows(any);
      case "holding":
        return await replication.holding((any as { contextId: string }).contextId);
      case "holders":
        return await replication.holders(any);
      case "digest":
        return await replication.digest(from, any);
      case "bucket":
        return await replication.bucket(from, any);
      case "nudge":
        await replication.nudge(from, (any as { contextId: string }).contextId);
        return {};
      case "forks":
        return await replication.forks(from, any);
      case "offer":
        return await replication.offer(any);
      case "forward":
        return await cluster.handleForward(from, any, new AbortController().signal);
      default:
        throw new Error(`nobody answers ${kind}`);
    }
  };
  return async (from, kind, request) => (await answer(from, kind, request as never)) as never;
}
