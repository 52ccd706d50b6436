import { hashBytes, type Hasher } from "../core/hasher.ts";
import { emptyFrontier } from "../core/merkle/frontier.ts";
import { type NewRow, type NewSubtree, type Store, StoreError } from "./ports.ts";

/** Leaves of a subtree on level 1, and children of one on any level above. */
export const subtreeWidth = 256;

type Read = (first: number, count: number) => Promise<Uint8Array>;

/** Hashes of consecutive children, packed, the first of which has the index `first`. */
interface Run {
  readonly first: number;
  readonly hashes: Uint8Array;
}

/** Returns whether rows complete a full subtree of their log. Called for every commit, so it must cost nothing. */
export function completesSubtrees(rows: readonly NewRow[]): boolean {
  for (const { sequence } of rows) if (sequence % subtreeWidth === 0) return true;
  return false;
}

/**
 * Returns the roots of the full subtrees that the rows of a commit complete; the rows of one log ascend without gaps.
 * What cannot be read of the leaves before is left out: those who need a root that is missing compute it.
 */
export async function completedSubtrees(
  rows: readonly NewRow[],
  store: Pick<Store, "contentHashes" | "subtreeRoots">,
  hasher: Hasher,
): Promise<NewSubtree[]> {
  const completed: NewSubtree[] = [];
  const logs = new Set<number>();
  for (const { log, sequence } of rows) if (sequence % subtreeWidth === 0) logs.add(log);
  for (const log of logs) {
    let run: Run | undefined = leavesOf(log, rows);
    for (let level = 1; run !== undefined; level += 1) {
      const read: Read =
        level === 1
          ? (first, count) => store.contentHashes(log, first + 1, count)
          : (first, count) => store.subtreeRoots(log, level - 1, first, count);
      run = await rootsAbove(run, read, hasher);
      for (let i = 0; run !== undefined && i < run.hashes.length / hashBytes; i += 1) {
        const root = run.hashes.slice(hashBytes * i, hashBytes * (i + 1));
        completed.push({ log, level, index: run.first + i, root });
      }
    }
  }
  return completed;
}

/** Returns the leaves that a commit adds to one log. */
function leavesOf(log: number, rows: readonly NewRow[]): Run {
  const own = rows.filter((row) => row.log === log);
  const hashes = new Uint8Array(hashBytes * own.length);
  for (const [i, { contentHash }] of own.entries()) hashes.set(contentHash, hashBytes * i);
  return { first: (own[0]?.sequence ?? 1) - 1, hashes };
}

/** Returns the roots of the groups of `subtreeWidth` children that end in the run; undefined if there is none. */
async function rootsAbove({ first, hashes }: Run, read: Read, hasher: Hasher): Promise<Run | undefined> {
  const groupBytes = hashBytes * subtreeWidth;
  const lead = first % subtreeWidth;
  let children = hashes;
  let start = first - lead;
  if (lead > 0 && lead + hashes.length / hashBytes >= subtreeWidth) {
    const before = await readAll(read, start, lead);
    if (before === undefined) {
      start += subtreeWidth;
      children = hashes.subarray(hashBytes * (subtreeWidth - lead));
    } else {
      children = new Uint8Array(before.length + hashes.length);
      children.set(before);
      children.set(hashes, before.length);
    }
  } else if (lead > 0) return undefined;
  const groups = Math.floor(children.length / groupBytes);
  if (groups === 0) return undefined;
  const roots = new Uint8Array(hashBytes * groups);
  for (let group = 0; group < groups; group += 1) {
    const tile = children.subarray(groupBytes * group, groupBytes * (group + 1));
    // The frontier of a full subtree is its root.
    roots.set(hasher.extend(emptyFrontier, tile, "rfc6962").subtrees, hashBytes * group);
  }
  return { first: start / subtreeWidth, hashes: roots };
}

async function readAll(read: Read, first: number, count: number): Promise<Uint8Array | undefined> {
  try {
    const hashes = await read(first, count);
    return hashes.length === hashBytes * count ? hashes : undefined;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return undefined;
  }
}
