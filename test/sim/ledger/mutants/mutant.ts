import type { SeedRange } from "../seeds.ts";

/** One place in the sources that is written otherwise. */
export interface Edit {
  readonly file: string;
  /** Must be there once, to the letter. */
  readonly find: string;
  readonly replace: string;
}

/** The sources without one rule of the design, and what a simulation without it must find. */
export interface Mutant {
  readonly name: string;
  /** The rule that is left out. */
  readonly rule: string;
  readonly edits: readonly Edit[];
  /** At least one of these kinds of violations is found. */
  readonly finds: readonly string[];
  readonly range: Pick<SeedRange, "writeCopies" | "membership"> & Partial<SeedRange>;
}
