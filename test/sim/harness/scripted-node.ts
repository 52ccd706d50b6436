import type { Effect } from "../../../src/swim/effect.ts";
import type { Input, Timer } from "../../../src/swim/input.ts";
import type { Protocol } from "./machine.ts";
import type { Life } from "./simulation.ts";

/** A node of tests of the simulation itself: keeps what it is given, and does what it is told. */
export class ScriptedNode implements Protocol {
  readonly life: Life;
  readonly heard: { readonly input: Input; readonly nowMs: number }[] = [];
  readonly #react: (input: Input, life: Life) => readonly Effect[];

  constructor(life: Life, react: (input: Input, life: Life) => readonly Effect[] = () => []) {
    this.life = life;
    this.#react = react;
  }

  handle(input: Input, nowMs: number): readonly Effect[] {
    this.heard.push({ input, nowMs });
    return input.kind === "broadcast" ? (scripts.get(input.bytes) ?? []) : this.#react(input, this.life);
  }

  /** Kinds of the inputs heard. */
  get kinds(): string[] {
    return this.heard.map(({ input }) => input.kind);
  }

  /** First bytes of the packets heard. */
  get packets(): (number | undefined)[] {
    return this.heard.flatMap(({ input }) => (input.kind === "packet" ? [input.bytes[0]] : []));
  }
}

const scripts = new WeakMap<Uint8Array, readonly Effect[]>();

/** Returns an input that makes a {@link ScriptedNode} do these things. */
export function toDo(...effects: readonly Effect[]): Input {
  const bytes = new Uint8Array();
  scripts.set(bytes, effects);
  return { kind: "broadcast", bytes };
}

export function timer(id: number): Timer {
  return { kind: "probe", id, token: 0 };
}
