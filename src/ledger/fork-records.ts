/**
 * What is remembered of forks: where histories parted, and what lost its place. Records of the same fork can come from
 * several nodes, in any order and any number of times.
 *
 * @module
 */

import { compareEpochs, sameEpoch } from "../core/epoch.ts";
import { hashBytes } from "../core/hasher.ts";
import type { ForkRecord } from "./ports.ts";

/**
 * Returns how many entries the context has now of the history in which the entry at `sequence` has a hash that begins with
 * `hashPrefix`, as far as records tell; undefined if that entry is in none of them.
 */
export function commonAfterForks(
  forks: readonly ForkRecord[],
  { sequence, hashPrefix }: { readonly sequence: number; readonly hashPrefix: Uint8Array },
): number | undefined {
  const lost = forks.filter((fork) => hasLost(fork, sequence, hashPrefix));
  if (lost.length === 0) return undefined;
  // An entry can lose its place several times, if the history it was in came to stand once more.
  const last = lost.reduce((a, b) => (compareEpochs(a.winner, b.winner) >= 0 ? a : b));
  // What both histories had may have lost its place since, when the winner lost to a later one.
  const later = forks.filter((fork) => compareEpochs(fork.winner, last.winner) > 0);
  return Math.min(last.after, ...later.map(({ after }) => after));
}

/** Returns those records that say more than what is known, joined with that. */
export function newForks(known: readonly ForkRecord[], told: readonly ForkRecord[]): ForkRecord[] {
  const news: ForkRecord[] = [];
  for (const fork of told) {
    const before = [...news, ...known].find((one) => isSame(one, fork));
    const joined = before === undefined ? fork : joinedFork(before, fork);
    if (before !== undefined && forkKey(before) === forkKey(joined)) continue;
    const at = news.findIndex((one) => isSame(one, fork));
    if (at === -1) news.push(joined);
    else news[at] = joined;
  }
  return news;
}

/** Returns what tells one record of a context from every other, and from itself with less in it. */
export function forkKey({ after, count, hashes, winner, loser, foundAtNs }: ForkRecord): string {
  const epochs = [loser, winner].map(({ counter, nodeId }) => `${counter}-${nodeId}`);
  return [after, count, hashes.length / hashBytes, ...epochs, foundAtNs].join(" ");
}

function isSame(a: ForkRecord, b: ForkRecord): boolean {
  return a.after === b.after && sameEpoch(a.loser, b.loser);
}

/** Of one epoch there is one history, so that the longer record has all of the shorter. */
function joinedFork(a: ForkRecord, b: ForkRecord): ForkRecord {
  const { count, hashes } = b.count > a.count ? b : a;
  const winner = compareEpochs(a.winner, b.winner) <= 0 ? a.winner : b.winner;
  const foundAtNs = a.foundAtNs < b.foundAtNs ? a.foundAtNs : b.foundAtNs;
  return { ...a, count, hashes: hashes.slice(), winner, foundAtNs };
}

function hasLost({ after, hashes }: ForkRecord, sequence: number, prefix: Uint8Array): boolean {
  const at = hashBytes * (sequence - after - 1);
  return at >= 0 && at < hashes.length && prefix.every((byte, i) => byte === hashes[at + i]);
}
