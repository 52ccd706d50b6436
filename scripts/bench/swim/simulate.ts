import { join } from "node:path";
import type { Bench } from "../run/bench.ts";
import { runChild } from "../run/child.ts";
import type { StoryName, Told } from "./stories.ts";

/** A story, and how often it is told. */
export interface Plan {
  readonly size: number;
  /** The first of the seeds; the others follow it. */
  readonly firstSeed: number;
  readonly seeds: number;
  readonly seconds?: number;
}

/** What came of one seed. */
export type Outcome<Name extends StoryName> = Told<Name> & {
  readonly wallSeconds: number;
  /** Of all threads; what is more than the wall time was done beside the simulation, most of it garbage collection. */
  readonly cpuSeconds: number;
  /** The most memory of its process until then. */
  readonly peakMb: number;
};

const seedsEach = 10;

/** Tells stories in processes of their own, some of them at a time. */
export class Simulator {
  readonly #bench: Bench;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** `lanes` is how many processes there are at a time. */
  constructor(bench: Bench, lanes: number) {
    this.#bench = bench;
    this.#free = lanes;
  }

  /** Returns what came of each seed, in their order. */
  async tell<Name extends StoryName>(name: Name, plan: Plan): Promise<readonly Outcome<Name>[]> {
    const parts: Promise<readonly Outcome<Name>[]>[] = [];
    for (let first = 0; first < plan.seeds; first += seedsEach) {
      const seeds = Math.min(seedsEach, plan.seeds - first);
      parts.push(this.#tellPart(name, { ...plan, firstSeed: plan.firstSeed + first, seeds }));
    }
    return (await Promise.all(parts)).flat();
  }

  async #tellPart<Name extends StoryName>(name: Name, plan: Plan): Promise<readonly Outcome<Name>[]> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    try {
      const began = performance.now();
      const { size, firstSeed, seeds, seconds = 0 } = plan;
      const all = Array.from({ length: seeds }, (_, index) => `${firstSeed + index}`);
      const script = join(import.meta.dir, "tell.ts");
      const told = await runChild([process.execPath, script, name, `${size}`, `${seconds}`, ...all]);
      const took = ((performance.now() - began) / 1000).toFixed(0);
      this.#bench.log(`  ${size} nodes, ${name}, seeds ${firstSeed} to ${firstSeed + seeds - 1}: ${took} s`);
      return told
        .trimEnd()
        .split("\n")
        .map(readOutcome<Name>);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

function readOutcome<Name extends StoryName>(line: string): Outcome<Name> {
  const { told, ...other } = JSON.parse(line, (_, value: unknown) => value ?? Number.POSITIVE_INFINITY);
  return { ...told, ...other };
}
