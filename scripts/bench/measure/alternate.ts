import { median } from "./statistics.ts";

export interface Compared {
  readonly ours: number;
  readonly theirs: number;
  /** The median of each round's ours / theirs, which a machine that gets slower does not move. */
  readonly ratio: number;
}

/**
 * Measures ours and theirs in turns, after one turn of each that is not counted: first runs are up to 20 % slower.
 * Returns medians.
 */
export async function alternate(
  rounds: number,
  measureOurs: () => Promise<number>,
  measureTheirs: () => Promise<number>,
): Promise<Compared> {
  await measureOurs();
  await measureTheirs();
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(await measureOurs());
    theirs.push(await measureTheirs());
  }
  const ratios = ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
  return { ours: median(ours), theirs: median(theirs), ratio: median(ratios) };
}
