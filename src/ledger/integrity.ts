/**
 * What the ledger can prove, as its callers see it. Every failure is a LedgerError.
 *
 * @module
 */

import type { Hash } from "../core/hasher.ts";
import type { ProfileName } from "../core/merkle/tree-profile.ts";

/** A context's log, or the node's log of logs. */
export type LogName = { readonly kind: "context"; readonly contextId: string } | { readonly kind: "node" };

export interface TreeHead {
  readonly size: number;
  readonly root: Hash;
}

export interface Inclusion extends TreeHead {
  /** Of the leaf: the entry's sequence - 1. */
  readonly index: number;
  readonly leaf: Hash;
  /** From the leaf's sibling upwards. */
  readonly hashes: readonly Hash[];
}

export interface Consistency {
  readonly first: TreeHead;
  readonly second: TreeHead;
  readonly hashes: readonly Hash[];
}

export interface SignedCheckpoint extends TreeHead {
  readonly origin: string;
  /** A signed note. [C2SP tlog-checkpoint](https://c2sp.org/tlog-checkpoint) */
  readonly note: string;
}

/** All that an evidence file is made of. */
export interface Evidence {
  /** In the tree of the checkpoint. */
  readonly inclusion: Inclusion;
  /** The bytes that, after a 0x00, hash to the leaf. */
  readonly record: Uint8Array;
  readonly checkpoint: SignedCheckpoint;
}

/** A context's newest leaf in the log of logs. */
export interface ContextEvidence extends Evidence {
  readonly generation: number;
  /** What the leaf says of the context. */
  readonly head: TreeHead;
}

/** What a verification tells on its way; `result` comes last. */
export type VerifyStep =
  | { readonly kind: "progress"; readonly verified: number; readonly total: number }
  /** `sequence` is 0 if it is the tree above the entries. */
  | { readonly kind: "damage"; readonly sequence: number; readonly detail: string }
  | { readonly kind: "result"; readonly head: TreeHead; readonly damaged: number };

export interface Tile {
  readonly bytes: Uint8Array;
  /** True if it has all 256 elements and so never changes. */
  readonly isFull: boolean;
}

/** Sizes and sequences are as clients send them; those that a log does not have answer OUT_OF_RANGE. */
export interface Integrity {
  /** `size` undefined means the newest. */
  treeHead(log: LogName, size: bigint | undefined, profile: ProfileName): Promise<TreeHead>;
  inclusion(
    contextId: string,
    sequence: bigint,
    size: bigint | undefined,
    profile: ProfileName,
  ): Promise<Inclusion>;
  /** Proves an entry in the tree of a checkpoint made now. */
  evidence(contextId: string, sequence: bigint): Promise<Evidence>;
  consistency(log: LogName, firstSize: bigint, secondSize: bigint | undefined): Promise<Consistency>;
  /** Signs the newest state; what is signed is on disk before. */
  checkpoint(log: LogName): Promise<SignedCheckpoint>;
  contextEvidence(contextId: string): Promise<ContextEvidence>;
  /** Hashes everything anew, at most one page in memory. Ends early when `signal` fires. */
  verify(log: LogName, signal: AbortSignal | undefined): AsyncGenerator<VerifyStep, void>;
  /** The origin of a log and every key that ever signed, newest first, as signed-note verifier keys. */
  verifierKeys(log: LogName): Promise<{ readonly origin: string; readonly keys: readonly string[] }>;
  /**
   * Returns hashes of a tile, packed: `width` of them from the beginning of tile `index` on `level`. NOT_FOUND beyond the
   * size that was signed last. [C2SP tlog-tiles](https://c2sp.org/tlog-tiles)
   */
  tile(log: LogName, tile: { level: number; index: number; width: number }): Promise<Tile>;
  /** Returns the entry bundle of `width` records, each with its u16 length in front. NOT_FOUND like `tile`. */
  entryBundle(log: LogName, bundle: { index: number; width: number }): Promise<Tile>;
}

/** Signs checkpoints with the keys of this node. */
export interface CheckpointSigner {
  /** What origins begin with: `<log name>/<node name>`; also the origin of the log of logs. */
  readonly logName: string;
  /**
   * Returns the signed note of a checkpoint body, with one signature per active key, newest first; the name of each key is
   * the origin. Rejects with LedgerError if no key can be read.
   */
  sign(origin: string, body: string): Promise<string>;
  /** Returns every key that ever signed under `origin`, newest first, as verifier keys. */
  verifierKeys(origin: string): Promise<readonly string[]>;
}
