import type { Hasher } from "../core/hasher.ts";
import { emptyRoot } from "../core/merkle/tree-profile.ts";
import { type Checkpoints, firstGeneration } from "./checkpoints.ts";
import type { ContextState } from "./context-state.ts";
import type { NodeLog } from "./node-log.ts";
import type { SignedHead } from "./ports.ts";

export interface GenerationsParts {
  readonly checkpoints: Checkpoints;
  readonly nodeLog: NodeLog;
  readonly hasher: Hasher;
}

/** Writes something that takes entries out of a context, and `signed` in the same commit. */
type Removal = (signed: readonly SignedHead[]) => Promise<void>;

/**
 * Sees to it that nobody is told two histories of a context under one origin: when something of it goes that was signed, or
 * is in the log of logs, its checkpoints begin a new generation. Nothing of the context is signed or logged meanwhile.
 */
export class Generations {
  readonly #parts: GenerationsParts;

  constructor(parts: GenerationsParts) {
    this.#parts = parts;
  }

  /** Takes out the entries after `after`; `wasSeen` says if some of them could be seen. Rejects with what `write` does. */
  rewound(
    state: ContextState,
    { after, wasSeen }: { readonly after: number; readonly wasSeen: boolean },
    write: Removal,
  ): Promise<void> {
    return this.#alone(state, wasSeen, async () => {
      const { generation, size } = await this.#told(state);
      await write(size > after ? [this.#next(state, generation)] : []);
    });
  }

  /** Takes out the whole context, whose history may be another one if this node ever keeps it again. */
  dropped(state: ContextState, write: Removal): Promise<void> {
    return this.#alone(state, true, async () => {
      const { generation, size } = await this.#told(state);
      const isToldOf = size > 0 || generation > firstGeneration;
      await write(isToldOf ? [this.#next(state, size > 0 ? generation : generation - 1)] : []);
    });
  }

  async #alone(state: ContextState, wasSeen: boolean, work: () => Promise<void>): Promise<void> {
    const { checkpoints, nodeLog } = this.#parts;
    await nodeLog.without(state.id, { waits: wasSeen }, () =>
      checkpoints.held(state, async () => {
        try {
          await work();
        } finally {
          // Read anew, whatever became of the commit.
          state.signed = undefined;
        }
      }),
    );
  }

  /** Returns the newest size of a context that left this node in its generation. */
  async #told(state: ContextState): Promise<{ generation: number; size: number }> {
    const { checkpoints, nodeLog } = this.#parts;
    const signed = await checkpoints.signed(state);
    const generation = signed?.generation ?? firstGeneration;
    const logged = await nodeLog.logged(state.id, generation);
    return { generation, size: Math.max(signed?.size ?? 0, logged) };
  }

  #next({ id }: ContextState, generation: number): SignedHead {
    const root = emptyRoot(this.#parts.hasher);
    return { contextId: id, generation: generation + 1, size: 0, root };
  }
}
