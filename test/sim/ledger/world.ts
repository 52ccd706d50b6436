import { hex } from "../../../src/core/hex.ts";
import type { CopyRules } from "../../../src/sync/view.ts";
import { SeededRandom } from "../harness/seeded-random.ts";
import { EpochBook } from "./epoch-book.ts";
import { FlappingMembership } from "./flapping-membership.ts";
import type { Membership } from "./membership.ts";
import { SimulatedNode } from "./node.ts";
import { goodPeerConditions, type PeerConditions, SimulatedPeers } from "./peer-network.ts";
import { StoryTrace } from "./story-trace.ts";
import { SwimMembership } from "./swim-membership.ts";
import { VirtualTime } from "./virtual-time.ts";

/** How nodes know of each other: by the real protocol, or by lot. */
export type MembershipKind = "swim" | "flapping";

/** How bad things are: as they may be, or as bad as it takes to find what is found seldom. */
export type Weather = "usual" | "storm";

const conditions: Readonly<Record<Weather, PeerConditions>> = {
  usual: {
    lossRate: 0.03,
    delayMsMin: 0.2,
    delayMsTail: 2,
    lateRate: 0.02,
    lateMs: 3000,
    duplicateRate: 0.01,
  },
  storm: {
    lossRate: 0.03,
    delayMsMin: 0.2,
    delayMsTail: 8,
    lateRate: 0.05,
    lateMs: 1500,
    duplicateRate: 0.05,
  },
};

/** A cluster of simulated machines, and all that is between them. */
export class World {
  readonly time = new VirtualTime();
  readonly trace = new StoryTrace();
  readonly epochs = new EpochBook();
  readonly network: SimulatedPeers;
  readonly membership: Membership;
  readonly nodes: SimulatedNode[] = [];
  readonly rules: CopyRules;
  readonly seed: number;
  /** For whoever decides what happens. */
  readonly random: SeededRandom;
  readonly #heals = new Set<() => void>();

  constructor(options: { seed: number; rules: CopyRules; membership: MembershipKind; weather: Weather }) {
    const { seed, rules, membership, weather } = options;
    this.seed = seed;
    this.rules = rules;
    this.random = new SeededRandom(seed, 1);
    this.network = new SimulatedPeers({
      ...{ time: this.time, trace: this.trace, random: new SeededRandom(seed, 2) },
      conditions: conditions[weather],
    });
    this.membership =
      membership === "swim"
        ? new SwimMembership(seed, this.time, conditions[weather].lossRate)
        : new FlappingMembership(new SeededRandom(seed, 3));
  }

  /** Adds a machine with an empty disk. */
  add(): SimulatedNode {
    const bytes = new Uint8Array(16);
    this.random.fill(bytes);
    const nodeId = hex(bytes);
    const machine = this.membership.add(nodeId);
    const { seed, time, network, membership, rules, epochs } = this;
    const node = new SimulatedNode({ nodeId, machine, seed, time, network, membership, rules, epochs });
    this.nodes.push(node);
    return node;
  }

  /** The nodes that are part of the cluster, running or not. */
  present(): SimulatedNode[] {
    return this.nodes.filter(({ isGone }) => !isGone);
  }

  running(): SimulatedNode[] {
    return this.nodes.filter(({ running }) => running !== undefined);
  }

  /** Nothing goes from one machine to another for a while. */
  cut(from: SimulatedNode, to: SimulatedNode, forMs: number): void {
    const heals = [this.network.cut(from.nodeId, to.nodeId), this.membership.cut(from.machine, to.machine)];
    const heal = (): void => {
      this.#heals.delete(heal);
      for (const one of heals) one();
    };
    this.#heals.add(heal);
    this.time.after(forMs, heal);
  }

  fill(node: SimulatedNode, forMs: number): void {
    node.disk.isFull = true;
    // Gossip hears of it after a moment.
    this.time.after(300, () => this.membership.tell(node.machine, !node.disk.isFull));
    const empty = (): void => {
      this.#heals.delete(empty);
      node.disk.isFull = false;
      this.membership.tell(node.machine, true);
    };
    this.#heals.add(empty);
    this.time.after(forMs, empty);
  }

  /** Everything that is broken works again, and nothing is lost any more. */
  async heal(): Promise<void> {
    for (const heal of [...this.#heals]) heal();
    this.network.conditions = goodPeerConditions;
    for (const node of this.present()) if (node.running === undefined) await node.start();
    this.membership.heal();
  }
}
