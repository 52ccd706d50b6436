/**
 * The parts of a ledger that prove, put together.
 *
 * @module
 */

import type { Hasher } from "../core/hasher.ts";
import { Generations } from "./generations.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { Committer } from "./committer.ts";
import type { ContextTable } from "./context-table.ts";
import { EntryProofs } from "./entry-proofs.ts";
import { commitExtras } from "./extras-unit.ts";
import type { CheckpointSigner, Integrity } from "./integrity.ts";
import { LedgerIntegrity } from "./ledger-integrity.ts";
import { LogTiles } from "./log-tiles.ts";
import { NodeLog } from "./node-log.ts";
import type { Clock, NewSubtree, Store } from "./ports.ts";
import type { Reader } from "./reader.ts";
import { SeedTrees } from "./seed-trees.ts";
import { Trees } from "./trees.ts";
import type { Verification } from "./verification.ts";

export interface ProofsParts {
  readonly store: Store;
  readonly contexts: ContextTable;
  readonly committer: Committer;
  readonly reader: Reader;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly signer: CheckpointSigner;
  readonly verification: Verification;
}

export interface Proofs {
  readonly trees: Trees;
  readonly entryProofs: EntryProofs;
  readonly checkpoints: Checkpoints;
  readonly nodeLog: NodeLog;
  readonly generations: Generations;
  readonly integrity: Integrity;
}

export function createProofs(parts: ProofsParts): Proofs {
  const { store, committer, clock, hasher, reader, signer } = parts;
  const trees = new Trees({
    store,
    hasher,
    turn: () => clock.yield(),
    found: (subtrees) => keep(committer, subtrees),
  });
  const checkpoints = new Checkpoints({ store, committer, trees, hasher, signer });
  const nodeLog = new NodeLog({ ...parts, trees, checkpoints });
  const integrity = new LedgerIntegrity({
    ...parts,
    trees,
    checkpoints,
    nodeLog,
    seedTrees: new SeedTrees({ reader, hasher, clock }),
    tiles: new LogTiles({ trees, checkpoints, reader, hasher, clock }),
  });
  const entryProofs = new EntryProofs(trees, hasher);
  const generations = new Generations({ checkpoints, nodeLog, hasher });
  return { trees, entryProofs, checkpoints, nodeLog, generations, integrity };
}

/** Writes roots that had to be computed; if that fails they are computed again. */
function keep(committer: Committer, subtrees: readonly NewSubtree[]): void {
  commitExtras(committer, { subtrees }).catch(() => {});
}
