import type { WriteCopies } from "../../../src/core/write-copies.ts";
import { story, type StoryOptions } from "./story.ts";
import type { MembershipKind, Weather } from "./world.ts";

/** Many stories that differ in their seed alone. */
export interface SeedRange {
  readonly from: number;
  readonly seeds: number;
  readonly nodes: number;
  readonly operations: number;
  readonly writeCopies: WriteCopies;
  readonly membership: MembershipKind;
  readonly weather?: Weather;
}

export interface SeedReport {
  readonly seeds: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly calls: number;
  /** What was violated in each seed in which something was. */
  readonly violating: ReadonlyMap<number, readonly string[]>;
}

/** Runs one story for each seed; ends early once `isOver`, asked after each, says so. */
export async function runSeeds(
  range: SeedRange,
  isOver: (violations: readonly string[], seed: number) => boolean = () => false,
): Promise<SeedReport> {
  const violating = new Map<number, readonly string[]>();
  const sums = { seeds: 0, acknowledged: 0, unknown: 0, calls: 0 };
  for (let seed = range.from; seed < range.from + range.seeds; seed++) {
    const { violations, acknowledged, unknown, calls } = await story(optionsOf(range, seed));
    sums.seeds += 1;
    sums.acknowledged += acknowledged;
    sums.unknown += unknown;
    sums.calls += calls;
    if (violations.length > 0) violating.set(seed, violations);
    if (isOver(violations, seed)) break;
  }
  return { ...sums, violating };
}

export function optionsOf(range: SeedRange, seed: number): StoryOptions {
  const { nodes, operations, writeCopies, membership, weather = "usual" } = range;
  return { seed, nodes, operations, membership, weather, contexts: 2, rules: { replicas: 3, writeCopies } };
}

/** Returns the command that tells the story of one seed again. */
export function commandOf(range: SeedRange, seed: number): string {
  const { nodes, operations, writeCopies, membership, weather = "usual" } = range;
  const cluster = `--nodes ${nodes} --operations ${operations} --write-copies ${writeCopies}`;
  return `bun scripts/simulate.ts --from ${seed} --seeds 1 ${cluster} --membership ${membership} --weather ${weather}`;
}

/** Returns the kinds of violations, each once. */
export function kindsOf(violations: readonly string[]): string[] {
  return [...new Set(violations.map((text) => text.slice(0, text.indexOf(":"))))];
}
