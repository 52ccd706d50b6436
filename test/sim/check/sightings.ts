import type { Effect } from "../../../src/swim/effect.ts";
import { type Cluster, nameOf } from "../harness/cluster.ts";

type Change = (Effect & { kind: "member" })["change"];

/** When each node took note of a change of one member. */
export class Sightings implements Disposable {
  readonly #times = new Map<number, number>();
  readonly #unobserve: () => void;

  constructor(cluster: Cluster, subject: number, change: Change) {
    const name = nameOf(subject);
    this.#unobserve = cluster.simulation.observe((observer, effect, nowMs) => {
      if (effect.kind !== "member" || effect.change !== change || effect.member.name !== name) return;
      if (!this.#times.has(observer)) this.#times.set(observer, nowMs);
    });
  }

  get count(): number {
    return this.#times.size;
  }

  /** When the first of all did. */
  get firstMs(): number {
    return Math.min(...this.#times.values());
  }

  /** When a part (0 to 1) of some nodes had; infinity if they have not. */
  whenMs(part: number, observers: readonly number[]): number {
    const times = observers.map((observer) => this.#times.get(observer) ?? Number.POSITIVE_INFINITY);
    return times.sort((a, b) => a - b)[Math.ceil(part * times.length) - 1] ?? Number.NaN;
  }

  [Symbol.dispose](): void {
    this.#unobserve();
  }
}
