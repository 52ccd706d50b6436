import { assert } from "../core/assert.ts";
import { type Hash, hashBytes, type Hasher } from "../core/hasher.ts";
import { limits } from "../core/limits.ts";
import { type Frontier, frontierRoot } from "../core/merkle/frontier.ts";
import { decodeStored } from "./decode-stored.ts";
import type { Span } from "./tail.ts";
import type { ProofItem, WatchSink } from "./watcher.ts";

export interface ProvingSink extends WatchSink {
  /** What comes next follows the tree with this frontier, which is the next item. */
  rebase(frontier: Frontier): void;
}

/**
 * Returns the sink of a watch of all entries that gives `sink` those with `key` (empty means all), each with its
 * root, and the hashes of the others. The first item is `frontier`, that of the tree at the watch's cursor.
 */
export function withProofs(
  sink: WatchSink,
  options: { readonly key: string; readonly frontier: Frontier; readonly hasher: Hasher },
): ProvingSink {
  const { key, hasher } = options;
  let frontier = options.frontier;
  let skipped: Hash[] = [];
  let first: ProofItem[] = [{ kind: "frontier", frontier }];
  const give = (items: readonly ProofItem[]): boolean => {
    assert(sink.proofItems !== undefined, "the sink of a watch with proofs takes them");
    return items.length === 0 || sink.proofItems(items);
  };

  return {
    entries(span: Span): boolean {
      const items: ProofItem[] = first;
      first = [];
      for (const entry of span.entries) {
        const isLeftOut = key !== "" && decodeStored(entry).key !== key;
        if (!isLeftOut || skipped.length >= limits.skippedLeavesMax) takeSkipped(items);
        frontier = hasher.extend(frontier, entry.contentHash, "rfc6962");
        if (isLeftOut) skipped.push(entry.contentHash);
        else items.push({ kind: "entry", entry, root: frontierRoot(frontier, "rfc6962", hasher) });
      }
      takeSkipped(items);
      return give(items);
    },
    heartbeat(latestSequence) {
      tellFirst();
      return sink.heartbeat(latestSequence);
    },
    caughtUp(latestSequence) {
      tellFirst();
      sink.caughtUp(latestSequence);
    },
    reset(sequence) {
      sink.reset(sequence);
      tellFirst();
    },
    rebase(edge) {
      frontier = edge;
      skipped = [];
      first = [{ kind: "frontier", frontier }];
    },
    ended: (error) => sink.ended(error),
  };

  /** Adds what was left out before the next entry; the frontier ends with the last of it. */
  function takeSkipped(items: ProofItem[]): void {
    if (skipped.length === 0) return;
    const hashes = new Uint8Array(hashBytes * skipped.length);
    for (const [index, hash] of skipped.entries()) hashes.set(hash, hashBytes * index);
    const root = frontierRoot(frontier, "rfc6962", hasher);
    items.push({ kind: "skipped", hashes, through: frontier.size, root });
    skipped = [];
  }

  function tellFirst(): void {
    if (first.length === 0) return;
    const items = first;
    first = [];
    give(items);
  }
}
