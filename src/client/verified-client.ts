/**
 * A client that believes nothing it can check: entries are hashed here, every root is computed here, and what the
 * server signs must have all of what it has shown.
 *
 *     const ledger = createVerifiedClient(createLedgerClient({ url }), { keys, hasher: await loadPortableHasher() });
 *     for await (const item of ledger.watch("demo", { signal })) { ... }
 *
 * @module
 */

import { hashBytes, type Hasher } from "../core/hasher.ts";
import { emptyFrontier, type Frontier, frontierRoot } from "../core/merkle/frontier.ts";
import { verifyInclusion } from "../core/merkle/inclusion-proof.ts";
import { sameBytes } from "../core/snapshot/same-bytes.ts";
import type { Entry, InclusionProof, WatchEvent } from "../gen/converge/context/v1/context_pb.ts";
import { CheckpointFollower, type CheckpointStore, memoryCheckpoints } from "./checkpoint-follower.ts";
import type { CallOptions, LedgerClient, NewEntry } from "./ledger-client.ts";
import { VerificationError } from "./verification-error.ts";
import { receivedFrontier, verifiedHash, VerifiedHistory } from "./verified-history.ts";
import type { WatchItem, WatchOptions, WatchVerifier } from "./watch.ts";

export interface VerifiedClientOptions {
  /**
   * The keys that are trusted, as `converge-ledger key CTX` prints them: checkpoints of a context count only if one
   * of them signed. Keys of other contexts do no harm.
   */
  readonly keys: readonly string[];
  readonly hasher: Hasher;
  /** Where checkpoints are remembered; in memory unless given. */
  readonly checkpoints?: CheckpointStore;
  /** After so many entries of a watch or read a signed checkpoint is asked for; 1,000 unless given. */
  readonly checkpointEvery?: number;
}

export interface VerifiedRange extends CallOptions {
  /** Where an earlier read or watch ended; the beginning unless given. */
  readonly after?: Frontier;
}

export interface VerifiedWatchOptions
  extends Omit<WatchOptions, "after" | "resumeToken" | "verifier">, VerifiedRange {}

/** Every method throws {@link VerificationError} for what cannot be true, and ConnectError for calls that fail. */
export interface VerifiedClient {
  /** Adds one entry, and verifies that what the server proves is what was sent. */
  append(contextId: string, entry: NewEntry, options?: CallOptions): Promise<Entry>;
  /**
   * Reads entries in order, and returns where it ended once a signed checkpoint has confirmed them all. Entries come
   * before that: each is what its hash says, and whether that is what was signed shows at the latest at the end.
   */
  read(contextId: string, range?: VerifiedRange): AsyncGenerator<Entry, Frontier>;
  /**
   * Follows a context. An entry that was changed, left out, repeated or put elsewhere is never delivered; other
   * entries than the signed ones show at the next checkpoint: when the watch has caught up, and every
   * `checkpointEvery` entries.
   */
  watch(contextId: string, options?: VerifiedWatchOptions): AsyncGenerator<WatchItem, never>;
}

const checkpointEveryDefault = 1000;

/** Returns a client that verifies what `client` brings. */
export function createVerifiedClient(client: LedgerClient, options: VerifiedClientOptions): VerifiedClient {
  const { keys, hasher, checkpointEvery = checkpointEveryDefault } = options;
  const store = options.checkpoints ?? memoryCheckpoints();
  const follow = (contextId: string): CheckpointFollower =>
    new CheckpointFollower({ contextId, keys, integrity: client.integrity, store, hasher });

  return {
    async append(contextId, entry, { signal } = {}) {
      const how = signal === undefined ? { proof: true } : { proof: true, signal };
      const { entry: added, proof } = await client.append(contextId, entry, how);
      if (added === undefined) throw new VerificationError("proof-invalid", "the answer has no entry");
      checkSent(added, entry);
      checkInclusion(contextId, added, proof, hasher);
      return added;
    },

    async *read(contextId, { after = emptyFrontier, signal } = {}) {
      const history = new VerifiedHistory(contextId, hasher, after);
      const follower = follow(contextId);
      const range = { after: BigInt(after.size), ...(signal === undefined ? {} : { signal }) };
      let unconfirmed = 0;
      for await (const entry of client.get(contextId, range)) {
        history.add(entry);
        yield entry;
        unconfirmed += 1;
        if (unconfirmed < checkpointEvery) continue;
        await follower.confirm({ size: history.frontier.size, root: history.root }, signal);
        unconfirmed = 0;
      }
      const { frontier } = history;
      if (unconfirmed > 0 || after.size > 0)
        await follower.confirm(
          { size: frontier.size, root: frontierRoot(frontier, "rfc6962", hasher) },
          signal,
        );
      return frontier;
    },

    watch(contextId, { after = emptyFrontier, ...rest } = {}) {
      const history = new VerifiedHistory(contextId, hasher, after);
      const verifier = new HistoryVerifier(history, follow(contextId), checkpointEvery, rest.signal);
      return client.watch(contextId, { ...rest, after: BigInt(after.size), verifier });
    },
  };
}

/** Verifies the events of one watch over all of its connections. */
class HistoryVerifier implements WatchVerifier {
  readonly #history: VerifiedHistory;
  readonly #follower: CheckpointFollower;
  readonly #checkpointEvery: number;
  readonly #signal: AbortSignal | undefined;
  #hasFrontier = false;
  #unconfirmed = 0;

  constructor(
    history: VerifiedHistory,
    follower: CheckpointFollower,
    checkpointEvery: number,
    signal: AbortSignal | undefined,
  ) {
    this.#history = history;
    this.#follower = follower;
    this.#checkpointEvery = checkpointEvery;
    this.#signal = signal;
  }

  connecting(): void {
    this.#hasFrontier = false;
  }

  async event(event: WatchEvent): Promise<void> {
    const { frontier } = this.#history;
    this.#take(event);
    const isDue = this.#unconfirmed >= this.#checkpointEvery || event.control.case === "caughtUp";
    if (!isDue || this.#history.frontier.size === 0) return;
    try {
      const seen = { size: this.#history.frontier.size, root: this.#history.root };
      await this.#follower.confirm(seen, this.#signal);
    } catch (error) {
      // If the server could not be asked, the event comes once more, on the next connection.
      this.#history.rewind(frontier);
      throw error;
    }
    this.#unconfirmed = 0;
  }

  #take({ entry, root, control }: WatchEvent): void {
    if (control.case === "frontier") {
      this.#history.match(receivedFrontier(control.value));
      this.#hasFrontier = true;
      return;
    }
    if (control.case === "reset" || control.case === "gap") {
      const what =
        "the server says that the entries before the cursor are no longer those that were verified";
      throw new VerificationError("history-replaced", what);
    }
    if (!this.#hasFrontier && (entry !== undefined || control.case === "skipped"))
      throw new VerificationError("proof-invalid", "entries came before the frontier that they follow");
    if (entry !== undefined) {
      if (root.length === 0)
        throw new VerificationError(
          "proof-invalid",
          `entry ${entry.sequence} came without its root`,
          entry.sequence,
        );
      this.#history.add(entry, root);
      this.#unconfirmed += 1;
    } else if (control.case === "skipped") {
      const { contentHashes, through, root: reached } = control.value;
      this.#history.skip(contentHashes, through, reached);
      this.#unconfirmed += contentHashes.length / hashBytes;
    }
  }
}

function checkSent(added: Entry, { key = "", payload = new Uint8Array(0), metadata = {} }: NewEntry): void {
  const names = Object.keys(metadata);
  const isSame =
    added.key === key &&
    sameBytes(added.payload, payload) &&
    names.length === Object.keys(added.metadata).length &&
    names.every((name) => added.metadata[name] === metadata[name]);
  if (isSame) return;
  throw new VerificationError(
    "entry-changed",
    "the entry that was added is not the one that was sent",
    added.sequence,
  );
}

function checkInclusion(
  contextId: string,
  entry: Entry,
  proof: InclusionProof | undefined,
  hasher: Hasher,
): void {
  const leaf = verifiedHash(contextId, entry, hasher);
  const size = Number(entry.sequence);
  const isProven =
    proof !== undefined &&
    proof.leafIndex === entry.sequence - 1n &&
    proof.treeSize === entry.sequence &&
    verifyInclusion(
      { index: size - 1, size, root: proof.root, leaf, hashes: proof.hashes },
      "rfc6962",
      hasher,
    );
  if (isProven) return;
  throw new VerificationError(
    "proof-invalid",
    `entry ${size} is not proven to be in its tree`,
    entry.sequence,
  );
}
