import type { SeededRandom } from "./seeded-random.ts";

/** How the network treats packets. Rates are of 1. */
export interface Conditions {
  readonly lossRate: number;
  readonly duplicateRate: number;
  /** Packets that take up to `reorderMs` longer than others. */
  readonly reorderRate: number;
  readonly reorderMs: number;
  /** One way: at least `delayMsMin`, and on average `delayMsTail` more, exponentially distributed. */
  readonly delayMsMin: number;
  readonly delayMsTail: number;
  /** Packets that come a second time up to `replayMs` later. */
  readonly replayRate: number;
  readonly replayMs: number;
}

/** A network inside one building on a good day. */
export const goodConditions: Conditions = {
  lossRate: 0,
  duplicateRate: 0,
  reorderRate: 0,
  reorderMs: 20,
  delayMsMin: 0.2,
  delayMsTail: 0.5,
  replayRate: 0,
  replayMs: 60_000,
};

/** What is different between some machines. */
export interface LinkRule {
  from(machine: number): boolean;
  to(machine: number): boolean;
  /** 1 for a cut. */
  readonly lossRate: number;
  readonly extraDelayMs: number;
}

/** Decides what becomes of packets. Packets to the machine that sends them take the same way. */
export class Network {
  conditions: Conditions;
  readonly #random: SeededRandom;
  readonly #rules = new Set<LinkRule>();

  constructor(random: SeededRandom, conditions: Conditions) {
    this.#random = random;
    this.conditions = conditions;
  }

  /** Adds a rule until the returned function is called. */
  rule(rule: LinkRule): () => void {
    this.#rules.add(rule);
    return () => void this.#rules.delete(rule);
  }

  /** Cuts what goes from some machines to others, in this direction, until the returned function is called. */
  cutOneWay(from: (machine: number) => boolean, to: (machine: number) => boolean): () => void {
    return this.rule({ from, to, lossRate: 1, extraDelayMs: 0 });
  }

  /** Cuts some machines off from all others until the returned function is called. */
  partition(isInside: (machine: number) => boolean): () => void {
    const isOutside = (machine: number) => !isInside(machine);
    const heals = [this.cutOneWay(isInside, isOutside), this.cutOneWay(isOutside, isInside)];
    return () => {
      for (const heal of heals) heal();
    };
  }

  isCut(from: number, to: number): boolean {
    for (const rule of this.#rules) if (rule.lossRate >= 1 && rule.from(from) && rule.to(to)) return true;
    return false;
  }

  /** Tells if a packet or segment is lost. */
  loses(from: number, to: number): boolean {
    if (this.#random.chance(this.conditions.lossRate)) return true;
    if (this.#rules.size === 0) return false;
    for (const rule of this.#rules)
      if (rule.from(from) && rule.to(to) && this.#random.chance(rule.lossRate)) return true;
    return false;
  }

  /** Returns how long a packet takes one way. */
  delayMs(from: number, to: number): number {
    const { delayMsMin, delayMsTail } = this.conditions;
    let delay = delayMsMin + this.#random.exponential(delayMsTail);
    for (const rule of this.#rules) if (rule.from(from) && rule.to(to)) delay += rule.extraDelayMs;
    return delay;
  }

  /** Calls `deliver` with the delay of every copy of a packet that arrives. */
  packet(from: number, to: number, deliver: (delayMs: number) => void): void {
    if (this.loses(from, to)) return;
    const { duplicateRate, reorderRate, reorderMs, replayRate, replayMs } = this.conditions;
    const late = this.#random.chance(reorderRate) ? this.#random.between(0, reorderMs) : 0;
    deliver(this.delayMs(from, to) + late);
    if (this.#random.chance(duplicateRate)) deliver(this.delayMs(from, to));
    if (this.#random.chance(replayRate)) deliver(this.#random.between(0, replayMs));
  }
}
