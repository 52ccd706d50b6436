/**
 * What a memory store keeps of contexts that other nodes keep too.
 *
 * @module
 */

import { compareEpochs } from "../core/epoch.ts";
import { hashBytes } from "../core/hasher.ts";
import { limits } from "../core/limits.ts";
import { encodeUtf8 } from "../core/utf8.ts";
import type { Archive, Commit, ForkRecord, Replica } from "../ledger/ports.ts";
import { compareBytes } from "./compare-bytes.ts";

export class MemoryReplicas {
  readonly #replicas = new Map<string, Replica>();
  readonly #archives = new Map<number, Archive>();
  /** By context. */
  readonly #forks = new Map<string, ForkRecord[]>();

  /** Writes a commit's part. */
  write({ truncations = [], drops = [], settled = [], replicas = [], forks = [] }: Commit): void {
    for (const { contextId, from, to, archive: log, accepted, archivedAtNs } of truncations) {
      const span = { first: (to?.latest ?? 0) + 1, last: from.latest };
      this.#archives.set(log, { contextId, log, ...span, accepted: { ...accepted }, archivedAtNs });
    }
    for (const { contextId } of drops) this.#replicas.delete(contextId);
    for (const log of settled) this.#archives.delete(log);
    for (const replica of replicas) this.#replicas.set(replica.contextId, copyOfReplica(replica));
    for (const fork of forks) this.#putFork(fork);
  }

  replica(contextId: string): Replica | undefined {
    const replica = this.#replicas.get(contextId);
    return replica === undefined ? undefined : copyOfReplica(replica);
  }

  replicas(startAfter: string, limit: number): Replica[] {
    const after = encodeUtf8(startAfter);
    return [...this.#replicas.values()]
      .map((replica) => ({ replica, bytes: encodeUtf8(replica.contextId) }))
      .filter(({ bytes }) => compareBytes(bytes, after) > 0)
      .sort((left, right) => compareBytes(left.bytes, right.bytes))
      .slice(0, limit)
      .map(({ replica }) => copyOfReplica(replica));
  }

  archives(contextId: string | undefined, limit: number): Archive[] {
    return [...this.#archives.values()]
      .filter((archive) => contextId === undefined || archive.contextId === contextId)
      .sort((left, right) => left.log - right.log)
      .slice(0, limit)
      .map((archive) => ({ ...archive }));
  }

  forks(contextId: string | undefined, limit: number): ForkRecord[] {
    const found = contextId === undefined ? [...this.#forks.values()].flat() : this.#forks.get(contextId);
    return (found ?? []).toSorted(byTime).slice(0, limit).map(copyOfFork);
  }

  #putFork(fork: ForkRecord): void {
    const { contextId, after, loser } = fork;
    const others = (this.#forks.get(contextId) ?? []).filter(
      (other) => other.after !== after || compareEpochs(other.loser, loser) !== 0,
    );
    const all = [...others, copyOfFork(fork)].sort(byTime);
    this.#forks.set(contextId, all.slice(-limits.forksPerContextMax));
  }
}

/** The order of `Store.forks`: by time, then by what tells forks apart. */
function byTime(left: ForkRecord, right: ForkRecord): number {
  if (left.foundAtNs !== right.foundAtNs) return left.foundAtNs < right.foundAtNs ? -1 : 1;
  const order = compareBytes(encodeUtf8(left.contextId), encodeUtf8(right.contextId));
  return order || left.after - right.after || compareEpochs(left.loser, right.loser);
}

function copyOfReplica(replica: Replica): Replica {
  return {
    ...replica,
    holders: [...replica.holders],
    promised: { ...replica.promised },
    accepted: { ...replica.accepted },
    digestItem: replica.digestItem?.slice(),
  };
}

function copyOfFork(fork: ForkRecord): ForkRecord {
  return {
    ...fork,
    winner: { ...fork.winner },
    loser: { ...fork.loser },
    hashes: fork.hashes.slice(0, hashBytes * limits.forkHashesMax),
  };
}
