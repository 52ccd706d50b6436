import { LedgerError } from "../core/errors.ts";
import type { Hash, Hasher } from "../core/hasher.ts";
import { verifyConsistency } from "../core/merkle/consistency-proof.ts";
import { sameBytes } from "../core/snapshot/same-bytes.ts";
import type { Checkpoint } from "../core/tlog/checkpoint.ts";
import { readCheckpoint, verifyGrowth } from "./growth.ts";
import type { IntegrityCalls } from "./integrity-calls.ts";
import { VerificationError } from "./verification-error.ts";

/** Remembers the newest checkpoint of each log, so that a fork shows also between two visits. */
export interface CheckpointStore {
  get(origin: string): Promise<string | undefined>;
  put(origin: string, checkpoint: string): Promise<void>;
}

/** Returns a store that forgets when the page or process ends. */
export function memoryCheckpoints(): CheckpointStore {
  const known = new Map<string, string>();
  return {
    get: async (origin) => known.get(origin),
    put: async (origin, checkpoint) => void known.set(origin, checkpoint),
  };
}

export interface FollowerParts {
  readonly contextId: string;
  /** Verifier keys of the context's log that are trusted. */
  readonly keys: readonly string[];
  readonly integrity: IntegrityCalls;
  readonly store: CheckpointStore;
  readonly hasher: Hasher;
}

/** Follows the signed checkpoints of one context: each must have all of the one before. */
export class CheckpointFollower {
  readonly #parts: FollowerParts;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  /**
   * Fetches a checkpoint and verifies its signature, that it has all of the last one, and that its log begins with
   * `seen`. Throws VerificationError, or ConnectError if the server cannot be asked.
   */
  async confirm(
    seen: { readonly size: number; readonly root: Hash },
    signal?: AbortSignal,
  ): Promise<Checkpoint> {
    const { contextId, integrity, store } = this.#parts;
    const { checkpoint: text } = await integrity.checkpoint({ contextId }, options(signal));
    const checkpoint = await this.#grown(text, signal);
    await this.#contains(checkpoint, seen, signal);
    await store.put(checkpoint.origin, text);
    return checkpoint;
  }

  /** Verifies the signature and growth from the checkpoint that is remembered, or from itself if there is none. */
  async #grown(text: string, signal: AbortSignal | undefined): Promise<Checkpoint> {
    const { keys, hasher, store } = this.#parts;
    try {
      const { origin } = readCheckpoint(text);
      const older = (await store.get(origin)) ?? text;
      const proof = async ({ from, to }: { from: number; to: number }): Promise<readonly Hash[]> =>
        (await this.#prove(from, to, signal)).hashes;
      return (await verifyGrowth(older, text, { keys, proof, hasher })).newer;
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      throw new VerificationError(faultOf(error), error.message, undefined, { cause: error });
    }
  }

  async #contains(
    { size, root }: Checkpoint,
    seen: { readonly size: number; readonly root: Hash },
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (size < seen.size) {
      const what = `the checkpoint covers ${size} entries, and ${seen.size} were shown`;
      throw new VerificationError("checkpoint-older", what);
    }
    if (size === seen.size && sameBytes(root, seen.root)) return;
    if (size === seen.size)
      throw new VerificationError("fork", `other entries were signed than the ${size} that were shown`);
    const hashes = seen.size === 0 ? [] : (await this.#prove(seen.size, size, signal)).hashes;
    const proof = { first: seen, second: { size, root }, hashes };
    if (!verifyConsistency(proof, this.#parts.hasher))
      throw new VerificationError(
        "fork",
        `the signed log of ${size} entries does not begin with the ${seen.size} shown`,
      );
  }

  #prove(
    from: number,
    to: number,
    signal: AbortSignal | undefined,
  ): ReturnType<IntegrityCalls["proveConsistency"]> {
    const { integrity, contextId } = this.#parts;
    const sizes = { firstSize: BigInt(from), secondSize: BigInt(to) };
    return integrity.proveConsistency({ contextId }, sizes, options(signal));
  }
}

function faultOf({ facts }: LedgerError): "fork" | "checkpoint-older" | "checkpoint-invalid" {
  if (facts.reason === "CHECKPOINTS_FORK") return "fork";
  if (facts.reason !== "CHECKPOINTS_MISMATCH") return "checkpoint-invalid";
  if (facts.field === "order") return "checkpoint-older";
  return facts.field === "proof" ? "fork" : "checkpoint-invalid";
}

function options(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
