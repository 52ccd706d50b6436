import type { Machine } from "../../../src/node/gossip/machine.ts";
import type { Effect } from "../../../src/swim/effect.ts";
import type { Input } from "../../../src/swim/input.ts";

export interface Seen {
  readonly input: Input;
  readonly nowMs: number;
}

/** Keeps all inputs, and answers with what `react` says. */
export class FakeMachine implements Machine {
  readonly seen: Seen[] = [];
  react: (input: Input) => readonly Effect[] = () => [];

  handle(input: Input, nowMs: number): readonly Effect[] {
    this.seen.push({ input, nowMs });
    return this.react(input);
  }

  kinds(): string[] {
    return this.seen.map(({ input }) => input.kind);
  }

  inputs<Kind extends Input["kind"]>(kind: Kind): Extract<Input, { kind: Kind }>[] {
    return this.seen.flatMap(({ input }) =>
      input.kind === kind ? [input as Extract<Input, { kind: Kind }>] : [],
    );
  }
}
