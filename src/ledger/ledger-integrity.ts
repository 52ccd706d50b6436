import { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import type { ProfileName } from "../core/merkle/tree-profile.ts";
import { checkContextId } from "../core/validate.ts";
import type { Checkpoints } from "./checkpoints.ts";
import { contextNotFound } from "./checkpoints.ts";
import type { ContextState } from "./context-state.ts";
import type { ContextTable } from "./context-table.ts";
import type {
  CheckpointSigner,
  Consistency,
  ContextEvidence,
  Evidence,
  Inclusion,
  Integrity,
  LogName,
  SignedCheckpoint,
  Tile,
  TreeHead,
  VerifyStep,
} from "./integrity.ts";
import { entryRecord, type LogTiles } from "./log-tiles.ts";
import type { NodeLog } from "./node-log.ts";
import { nodeLogId } from "./ports.ts";
import type { Reader } from "./reader.ts";
import type { SeedTrees } from "./seed-trees.ts";
import { fromStoreError } from "./store-failure.ts";
import type { Hasher } from "../core/hasher.ts";
import type { TreeAt, Trees } from "./trees.ts";
import type { Verification } from "./verification.ts";

export interface IntegrityParts {
  readonly contexts: ContextTable;
  readonly reader: Reader;
  readonly hasher: Hasher;
  readonly trees: Trees;
  readonly seedTrees: SeedTrees;
  readonly checkpoints: Checkpoints;
  readonly nodeLog: NodeLog;
  readonly tiles: LogTiles;
  readonly verification: Verification;
  readonly signer: CheckpointSigner;
}

/** {@link Integrity} over the parts of a ledger. */
export class LedgerIntegrity implements Integrity {
  readonly #parts: IntegrityParts;

  constructor(parts: IntegrityParts) {
    this.#parts = parts;
  }

  treeHead(log: LogName, size: bigint | undefined, profile: ProfileName): Promise<TreeHead> {
    return this.#with(log, async (state) => {
      const tree = treeAt(state, size, "tree_size");
      const root =
        profile === "seed"
          ? await this.#parts.seedTrees.root(state, tree.size)
          : await this.#parts.trees.root(tree);
      return { size: tree.size, root };
    });
  }

  inclusion(
    contextId: string,
    sequence: bigint,
    size: bigint | undefined,
    profile: ProfileName,
  ): Promise<Inclusion> {
    return this.#with({ kind: "context", contextId }, async (state) => {
      const tree = treeAt(state, size, "tree_size");
      const index = indexOf(sequence, tree);
      if (profile === "seed") return await this.#parts.seedTrees.inclusion(state, index, tree.size);
      return await this.#inclusion(tree, index);
    });
  }

  evidence(contextId: string, sequence: bigint): Promise<Evidence> {
    return this.#with({ kind: "context", contextId }, async (state) => {
      indexOf(sequence, treeAt(state, undefined, "tree_size"));
      const checkpoint = await this.#parts.checkpoints.sign(state);
      const tree = { log: state.head?.log ?? 0, size: checkpoint.size };
      const inclusion = await this.#inclusion(tree, Number(sequence) - 1);
      const [entry] = await this.#parts.reader.page(state, {
        after: inclusion.index,
        through: inclusion.index + 1,
        entriesMax: 1,
        bytesMax: 1,
      });
      if (entry === undefined) throw contextNotFound(contextId);
      return { inclusion, record: entryRecord(state.id, entry, this.#parts.hasher), checkpoint };
    });
  }

  consistency(log: LogName, firstSize: bigint, secondSize: bigint | undefined): Promise<Consistency> {
    return this.#with(log, async (state) => {
      const tree = treeAt(state, secondSize, "second_size");
      const first = { ...tree, size: sizeWithin(firstSize, tree.size, "first_size") };
      const { trees } = this.#parts;
      return {
        first: { size: first.size, root: await trees.root(first) },
        second: { size: tree.size, root: await trees.root(tree) },
        hashes: await trees.consistency(tree, first.size),
      };
    });
  }

  checkpoint(log: LogName): Promise<SignedCheckpoint> {
    return this.#with(log, async (state) => {
      if (log.kind === "node") await this.#parts.nodeLog.current();
      return await this.#parts.checkpoints.sign(state);
    });
  }

  contextEvidence(contextId: string): Promise<ContextEvidence> {
    return this.#with({ kind: "context", contextId }, () => this.#parts.nodeLog.prove(contextId));
  }

  async *verify(log: LogName, signal: AbortSignal | undefined): AsyncGenerator<VerifyStep, void> {
    const state = await this.#load(log);
    if (state.head === undefined && log.kind === "context") throw contextNotFound(log.contextId);
    state.pins += 1;
    try {
      yield* this.#parts.verification.verify(state.id, signal);
    } finally {
      state.pins -= 1;
    }
  }

  async verifierKeys(log: LogName): Promise<{ readonly origin: string; readonly keys: readonly string[] }> {
    const origin = await this.#with(log, (state) => this.#parts.checkpoints.origin(state));
    return { origin, keys: await this.#parts.signer.verifierKeys(origin) };
  }

  tile(log: LogName, tile: { level: number; index: number; width: number }): Promise<Tile> {
    return this.#with(log, (state) => this.#parts.tiles.tile(state, tile));
  }

  entryBundle(log: LogName, bundle: { index: number; width: number }): Promise<Tile> {
    return this.#with(log, (state) => this.#parts.tiles.entryBundle(state, bundle));
  }

  /** Runs `work`, once more for each time that a load has put another log in the place of the one it read, or entries were taken out. */
  async #with<T>(log: LogName, work: (state: ContextState) => Promise<T>): Promise<T> {
    const state = await this.#load(log);
    state.pins += 1;
    try {
      for (;;) {
        const began = state.head?.log;
        const { cuts } = state;
        try {
          return await work(state);
        } catch (error) {
          if (state.head?.log === began && state.cuts === cuts) throw error;
        }
      }
    } catch (error) {
      throw fromStoreError(error);
    } finally {
      state.pins -= 1;
    }
  }

  async #load(log: LogName): Promise<ContextState> {
    if (log.kind === "context") checkContextId(log.contextId);
    try {
      return await this.#parts.contexts.load(idOf(log));
    } catch (error) {
      throw fromStoreError(error);
    }
  }

  async #inclusion(tree: TreeAt, index: number): Promise<Inclusion> {
    const { trees } = this.#parts;
    const proof = await trees.inclusion(tree, index);
    return { index, size: tree.size, root: await trees.root(tree), ...proof };
  }
}

function idOf(log: LogName): string {
  return log.kind === "node" ? nodeLogId : log.contextId;
}

/** Returns the tree of a log at a size that it has, the newest if none is named. */
function treeAt(state: ContextState, size: bigint | undefined, field: string): TreeAt {
  const latest = state.head?.latest ?? 0;
  const log = state.head?.log ?? 0;
  return { log, size: size === undefined ? latest : sizeWithin(size, latest, field) };
}

function sizeWithin(size: bigint, latest: number, field: string): number {
  if (size >= 0n && size <= BigInt(latest)) return Number(size);
  throw new LedgerError("OUT_OF_RANGE", `${field} ${size} is above the log's size, ${latest}`, {
    reason: "SIZE_OUT_OF_RANGE",
    field,
    value: size,
    limit: latest,
    sequence: latest,
    remedy: `use a size up to ${latest}`,
  });
}

function indexOf(sequence: bigint, { size }: TreeAt): number {
  if (sequence >= 1n && sequence <= BigInt(size)) return Number(sequence) - 1;
  throw new LedgerError("OUT_OF_RANGE", `sequence ${sequence} is not in the tree of ${size} entries`, {
    reason: "SEQUENCE_NOT_IN_TREE",
    field: "sequence",
    value: sequence,
    limit: size,
    sequence: Math.min(size, limits.sequenceMax),
    remedy: size === 0 ? "append its first entry" : `use a sequence from 1 to ${size}`,
  });
}
