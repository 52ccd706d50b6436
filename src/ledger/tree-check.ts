/**
 * The stored nodes of a tree against the entries below them, so that those that are not what they were can be written anew.
 *
 * @module
 */

import { hashBytes, type Hasher } from "../core/hasher.ts";
import { sameBytes } from "../core/snapshot/same-bytes.ts";
import { subtreeWidth } from "./completed-subtrees.ts";
import type { Clock, NewSubtree, Store } from "./ports.ts";
import { isDamage, judgePage, readRawPage } from "./verification-page.ts";
import type { Verdict } from "./verification-rows.ts";
import { type FullSubtree, VerificationTree } from "./verification-tree.ts";

export interface TreeCheckParts {
  readonly store: Pick<Store, "contentHashes" | "subtreeRoots" | "read">;
  readonly hasher: Hasher;
  readonly clock: Pick<Clock, "yield">;
}

export interface TreeCheck {
  /** What wrong nodes are to be: those above entries that were all hashed anew and are sound. */
  readonly subtrees: readonly NewSubtree[];
  /** Entries that were found to be damaged where a node did not match. */
  readonly damaged: readonly Verdict[];
}

/** Compares what is stored of the tree over the first `size` entries of a log. Reads 32 bytes an entry. Throws StoreError. */
export async function checkTree(
  parts: TreeCheckParts,
  { contextId, log, size }: { readonly contextId: string; readonly log: number; readonly size: number },
): Promise<TreeCheck> {
  const { store, hasher, clock } = parts;
  const tree = new VerificationTree(hasher);
  const subtrees: NewSubtree[] = [];
  const damaged: Verdict[] = [];
  const tiles = Math.floor(size / subtreeWidth);
  /** Nothing above entries up to here is known. */
  let unknownThrough = 0;
  for (let tile = 0; tile < tiles; tile += 1) {
    const first = tile * subtreeWidth;
    const hashes = await hashesOf(store, log, first);
    const isWhole = hashes.length === hashBytes * subtreeWidth;
    const completed = addAll(tree, hashes);
    const wrong: FullSubtree[] = [];
    for (const subtree of completed) if (await isWrong(store, log, subtree)) wrong.push(subtree);
    if (!isWhole || wrong.some(({ level }) => level === 1)) {
      const verdicts = await judged(parts, { contextId, log, first });
      const found = verdicts.filter(({ problem }) => problem !== undefined);
      damaged.push(...found);
      if (found.length > 0) unknownThrough = first + subtreeWidth;
    }
    for (const { level, index, root } of wrong)
      if (index * subtreeWidth ** level >= unknownThrough) subtrees.push({ log, level, index, root });
    if (tile % tilesPerTurn === 0) await clock.yield();
  }
  return { subtrees, damaged };
}

const tilesPerTurn = 16;

/** Returns fewer hashes where one is missing or cannot be read. */
async function hashesOf(store: TreeCheckParts["store"], log: number, first: number): Promise<Uint8Array> {
  try {
    return await store.contentHashes(log, first + 1, subtreeWidth);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return new Uint8Array(0);
  }
}

/** Adds the leaves of a tile, zeros for those that are missing, and returns the subtrees they complete. */
function addAll(tree: VerificationTree, hashes: Uint8Array): readonly FullSubtree[] {
  const leaves = new Uint8Array(hashBytes * subtreeWidth);
  leaves.set(hashes);
  let completed: readonly FullSubtree[] = [];
  for (let at = 0; at < leaves.length; at += hashBytes)
    completed = tree.add(leaves.subarray(at, at + hashBytes));
  return completed;
}

/** What is not stored is computed by those who need it. */
async function isWrong(
  store: TreeCheckParts["store"],
  log: number,
  { level, index, root }: FullSubtree,
): Promise<boolean> {
  try {
    const stored = await store.subtreeRoots(log, level, index, 1);
    return stored.length > 0 && !sameBytes(stored, root);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return true;
  }
}

async function judged(
  { store, hasher }: TreeCheckParts,
  { contextId, log, first }: { readonly contextId: string; readonly log: number; readonly first: number },
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  let after = first;
  while (after < first + subtreeWidth) {
    const page = await readRawPage(store, { log, after, through: first + subtreeWidth });
    verdicts.push(...judgePage(contextId, page, after, hasher));
    after = page.through;
  }
  return verdicts;
}
