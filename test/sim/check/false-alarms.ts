import { type Cluster, machineOf } from "../harness/cluster.ts";

/** Counts what is said about members that are alive in truth, and how long it takes them to be believed. */
export class FalseAlarms implements Disposable {
  /** Members that somebody took for dead. */
  readonly dead = new Set<number>();
  /** Members that somebody suspected. */
  readonly suspected = new Set<number>();
  /** How long nodes suspected a member before they heard that it is alive. */
  readonly refutationsMs: number[] = [];
  readonly #deaths = new Set<string>();
  readonly #open = new Map<number, number>();
  readonly #unobserve: () => void;

  /** `counts` tells which members are meant. */
  constructor(cluster: Cluster, counts: (subject: number) => boolean = () => true) {
    this.#unobserve = cluster.simulation.observe((observer, effect, nowMs) => {
      if (effect.kind !== "member") return;
      const subject = machineOf(effect.member.name);
      if (cluster.fate(subject) !== "alive" || !counts(subject)) return;
      const pair = observer * 2 ** 20 + subject;
      if (effect.change === "suspected") {
        this.suspected.add(subject);
        this.#open.set(pair, nowMs);
      } else if (effect.change === "died") {
        this.dead.add(subject);
        this.#deaths.add(`${subject} ${effect.member.incarnation}`);
      } else {
        const since = this.#open.get(pair);
        if (since !== undefined) this.refutationsMs.push(nowMs - since);
        this.#open.delete(pair);
      }
    });
  }

  /** False deaths, however many heard of each: a member that contradicted one can be the subject of another. */
  get deaths(): number {
    return this.#deaths.size;
  }

  /** Suspicions that have not been refuted yet. */
  get openSuspicions(): number {
    return this.#open.size;
  }

  [Symbol.dispose](): void {
    this.#unobserve();
  }
}
