import type { Effect } from "../../swim/effect.ts";
import type { Input } from "../../swim/input.ts";

/** What a gossip driver drives: `Swim`, or something that behaves like it. */
export interface Machine {
  /** Returns what is to be done, in order. `nowMs` never goes back, and stands still while the event loop does. */
  handle(input: Input, nowMs: number): readonly Effect[];
}
