import { assert } from "../../../src/core/assert.ts";
import type { Member } from "../../../src/core/member.ts";
import type { RosterMember } from "../../../src/ledger/ports.ts";
import { type Timing, timingProfiles } from "../../../src/swim/timing.ts";
import { Cluster, machineOf, nameOf } from "../harness/cluster.ts";
import { memberOf, type Membership, rosterMemberOf } from "./membership.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Short, so that much happens in little time; nothing else is different from a cluster inside one building. */
const timing: Timing = {
  ...timingProfiles.local,
  ...{ probeIntervalMs: 300, probeTimeoutMs: 100, suspicionMaxTimeoutMult: 3, gossipIntervalMs: 50 },
  ...{ pushPullIntervalMs: 5000, reconnectIntervalMs: 1500, gossipToTheDeadMs: 5000 },
};

interface Machine {
  readonly nodeId: string;
  readonly roster: Map<string, RosterMember>;
  rosterList: readonly RosterMember[];
  /** Of this life. */
  hasExchanged: boolean;
  changed: () => void;
}

/** Nodes that find each other, and out about each other, as they do in truth: by the protocol, over the same bad network. */
export class SwimMembership implements Membership {
  readonly #cluster: Cluster;
  readonly #time: VirtualTime;
  readonly #machines: Machine[] = [];

  constructor(seed: number, time: VirtualTime, lossRate: number) {
    const conditions = { lossRate, duplicateRate: 0.01, reorderRate: 0.02 };
    this.#cluster = new Cluster({ seed, size: 0, timing, conditions, isTraced: false });
    this.#time = time;
    const { simulation } = this.#cluster;
    time.share({
      get nextMs() {
        return simulation.nextMs;
      },
      runTo: (untilMs) => simulation.run(untilMs - simulation.nowMs),
    });
    simulation.observe((machine, effect) => {
      if (effect.kind === "exchanged") this.#machine(machine).hasExchanged = true;
      if (effect.kind === "exchanged" || effect.kind === "member") this.#noticed(machine);
    });
  }

  add(nodeId: string): number {
    const machine = this.#cluster.add();
    this.#machines.push({
      ...{ nodeId, hasExchanged: false, changed: () => {} },
      ...{ roster: new Map([[nodeId, rosterMemberOf({ machine, nodeId })]]), rosterList: [] },
    });
    return machine;
  }

  start(machine: number, changed: () => void): void {
    const self = this.#machine(machine);
    self.changed = changed;
    // Who knows nobody, and is the first, waits for nobody.
    self.hasExchanged = machine === 0 && self.roster.size === 1;
    const { simulation } = this.#cluster;
    const others = this.#cluster.alive();
    this.#cluster.boot(machine);
    for (const { nodeId, name } of self.roster.values())
      if (nodeId !== self.nodeId) {
        const endpoint = simulation.endpoint(machineOf(name));
        simulation.input(machine, { kind: "remember", name, endpoint, meta: new Uint8Array() });
      }
    this.#cluster.seek(machine, others);
    this.#noticed(machine);
  }

  crash(machine: number): void {
    this.#machine(machine).changed = () => {};
    if (this.#cluster.simulation.node(machine) !== undefined) this.#cluster.crash(machine);
  }

  leave(machine: number): void {
    this.#cluster.leave(machine);
  }

  hold(machine: number, forMs: number): void {
    this.#cluster.simulation.stall(machine, forMs);
  }

  cut(from: number, to: number): () => void {
    return this.#cluster.simulation.network.cutOneWay(
      (machine) => machine === from,
      (machine) => machine === to,
    );
  }

  tell(machine: number, canWrite: boolean): void {
    const { simulation } = this.#cluster;
    if (simulation.node(machine) === undefined || this.#cluster.fate(machine) !== "alive") return;
    simulation.input(machine, { kind: "meta", meta: Uint8Array.of(canWrite ? 1 : 0) });
  }

  members(machine: number): readonly Member[] {
    const node = this.#cluster.simulation.node(machine);
    return (node?.members() ?? []).map(({ name, state, isSelf, meta }) => {
      const other = machineOf(name);
      const place = { machine: other, nodeId: this.#machine(other).nodeId };
      return memberOf(place, { state, isSelf, canWrite: meta[0] !== 0 });
    });
  }

  roster(machine: number): readonly RosterMember[] {
    return this.#machine(machine).rosterList;
  }

  hasExchanged(machine: number): boolean {
    return this.#machine(machine).hasExchanged;
  }

  disturb(): void {}

  heal(): void {
    const { network } = this.#cluster.simulation;
    network.conditions = { ...network.conditions, lossRate: 0, duplicateRate: 0, reorderRate: 0 };
  }

  #noticed(machine: number): void {
    const self = this.#machine(machine);
    for (const member of this.members(machine)) {
      const { nodeId } = member.tags;
      if (nodeId === undefined) continue;
      if (member.state === "left") self.roster.delete(nodeId);
      else self.roster.set(nodeId, rosterMemberOf({ machine: machineOf(member.name), nodeId }));
    }
    self.rosterList = [...self.roster.values()];
    // Whoever hears of it may begin something that waits.
    this.#time.after(0, () => self.changed());
  }

  #machine(machine: number): Machine {
    const found = this.#machines[machine];
    assert(found !== undefined, `there is ${nameOf(machine)}`);
    return found;
  }
}
