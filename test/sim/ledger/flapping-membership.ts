import { assert } from "../../../src/core/assert.ts";
import type { Member } from "../../../src/core/member.ts";
import type { RosterMember } from "../../../src/ledger/ports.ts";
import type { SeededRandom } from "../harness/seeded-random.ts";
import { memberOf, type Membership, rosterMemberOf } from "./membership.ts";

interface Machine {
  readonly nodeId: string;
  isUp: boolean;
  hasLeft: boolean;
  canWrite: boolean;
  /** Whom it takes for alive. */
  alive: ReadonlySet<number>;
  known: Set<number>;
  roster: readonly RosterMember[];
  changed: () => void;
}

/** What nodes think of each other is drawn by lot, and often wrong: no protocol is as bad as this. */
export class FlappingMembership implements Membership {
  readonly #random: SeededRandom;
  readonly #machines: Machine[] = [];
  readonly #cuts = new Map<string, number>();

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  add(nodeId: string): number {
    const machine = this.#machines.length;
    this.#machines.push({
      ...{ nodeId, isUp: false, hasLeft: false, canWrite: true },
      ...{ alive: new Set([machine]), known: new Set([machine]), roster: [], changed: () => {} },
    });
    return machine;
  }

  start(machine: number, changed: () => void): void {
    const self = this.#machine(machine);
    self.isUp = true;
    self.changed = changed;
    this.#see(machine, this.#reachable(machine));
    for (const other of this.#reachable(machine))
      if (other !== machine) this.#see(other, [...this.#machine(other).alive, machine]);
  }

  crash(machine: number): void {
    const self = this.#machine(machine);
    self.isUp = false;
    self.changed = () => {};
  }

  leave(machine: number): void {
    this.#machine(machine).hasLeft = true;
    for (const other of this.#running()) this.#see(other, this.#machine(other).alive);
  }

  hold(): void {}

  cut(from: number, to: number): () => void {
    const link = `${from} ${to}`;
    let isCut = true;
    this.#cuts.set(link, (this.#cuts.get(link) ?? 0) + 1);
    return () => {
      if (isCut) this.#cuts.set(link, (this.#cuts.get(link) ?? 1) - 1);
      isCut = false;
    };
  }

  tell(machine: number, canWrite: boolean): void {
    this.#machine(machine).canWrite = canWrite;
    for (const other of this.#running()) this.#machine(other).changed();
  }

  members(machine: number): readonly Member[] {
    const { known, alive } = this.#machine(machine);
    return [...known].map((other) => {
      const { nodeId, hasLeft, canWrite } = this.#machine(other);
      const state = hasLeft ? "left" : alive.has(other) ? "alive" : "dead";
      return memberOf({ machine: other, nodeId }, { state, canWrite, isSelf: other === machine });
    });
  }

  roster(machine: number): readonly RosterMember[] {
    return this.#machine(machine).roster;
  }

  /** Who was told to join waits until it has met somebody. */
  hasExchanged(machine: number): boolean {
    return machine === 0 || this.#machine(machine).known.size > 1;
  }

  disturb(): void {
    const running = this.#running();
    if (running.length === 0) return;
    const machine = this.#random.pick(running);
    const seen = this.#random.chance(0.8)
      ? this.#reachable(machine)
      : running.filter(() => this.#random.chance(0.6));
    this.#see(machine, seen);
  }

  heal(): void {
    for (const machine of this.#running()) this.#see(machine, this.#running());
  }

  #see(machine: number, seen: Iterable<number>): void {
    const self = this.#machine(machine);
    self.alive = new Set([machine, ...seen]);
    // Who is seen has told everything it knows.
    for (const other of self.alive)
      for (const known of this.#machine(other).known) self.known = self.known.add(known);
    self.roster = [...self.known]
      .filter((other) => !this.#machine(other).hasLeft)
      .map((other) => rosterMemberOf({ machine: other, nodeId: this.#machine(other).nodeId }));
    self.changed();
  }

  #running(): number[] {
    return this.#machines.flatMap(({ isUp, hasLeft }, machine) => (isUp && !hasLeft ? [machine] : []));
  }

  #reachable(machine: number): number[] {
    const isCut = (from: number, to: number): boolean => (this.#cuts.get(`${from} ${to}`) ?? 0) > 0;
    return this.#running().filter((other) => !isCut(machine, other) && !isCut(other, machine));
  }

  #machine(machine: number): Machine {
    const found = this.#machines[machine];
    assert(found !== undefined, "there is such a machine");
    return found;
  }
}
