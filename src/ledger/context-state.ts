import { idempotentId } from "../core/entry-id.ts";
import { encodeEntry } from "../core/entry-wire.ts";
import type { Entry, Metadata } from "../core/entry.ts";
import { contentHash } from "../core/entry.ts";
import { LedgerError } from "../core/errors.ts";
import type { Hash, Hasher } from "../core/hasher.ts";
import { receive, tick } from "../core/lamport.ts";
import { limits } from "../core/limits.ts";
import type { CheckedInput } from "../core/validate.ts";
import type { ContextTree } from "./context-tree.ts";
import type { SharedContext } from "./shared-context.ts";
import type { IdSource } from "./id-source.ts";
import type { Clock, Head, SignedHead } from "./ports.ts";

/** What gives a planned entry its time, id, hash and log. */
export interface Origin {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly hasher: Hasher;
  newLog(): number;
}

/** An entry that has its place in the context and is not yet on disk. */
export interface PlannedEntry {
  readonly sequence: number;
  readonly id: string;
  readonly key: string;
  readonly appendedAtNs: bigint;
  readonly lamport: bigint;
  readonly contentHash: Hash;
  readonly wire: Uint8Array;
  readonly payload: Uint8Array;
  readonly metadata: Metadata;
  /** True if the entry must be found by its id later. */
  readonly idempotent: boolean;
}

/** The promise of an entry for one idempotency key, from when it is queued until its commit ends. */
export interface Reservation {
  entry: PlannedEntry;
  failed: boolean;
}

/**
 * What this process knows of one context. The committer alone writes `local`; whoever plans entries moves `planned`,
 * which runs ahead of `local` by what is queued and falls back to it when a commit fails. `head` is `local`, unless other
 * nodes keep the context too: then it follows once enough of them have the entries.
 */
export class ContextState {
  /** The newest head that anybody may see; undefined if there are no entries to see. */
  head: Head | undefined;
  /** The newest head on this node's disk. */
  local: Head | undefined;
  /** The head after everything that is queued. */
  planned: Head | undefined;
  /** Set if other nodes keep the context too. */
  shared: SharedContext | undefined;
  /** Queued entries that carry an idempotency key, by id. */
  readonly pendingIds = new Map<string, Reservation>();
  /** Units of the queue that will change this context. */
  queuedUnits = 0;
  /** The tree up to `head`, once a proof was asked for; moves with `head`. */
  tree: ContextTree | undefined;
  /** The newest size and root that a signature was made for, once they were read. */
  signed: SignedHead | undefined;
  /** Settles when the load that is about to replace the context's log has done so, or has failed. */
  publishing: Promise<void> | undefined;
  /** How often entries that anybody could see were taken out: who reads through several turns compares. */
  cuts = 0;
  /** Watchers, loads and the like that need this object to stay the only one of its context. */
  pins = 0;

  constructor(
    readonly id: string,
    head: Head | undefined,
  ) {
    this.head = head;
    this.local = head;
    this.planned = head;
  }

  /** True if nothing is lost by forgetting this object. */
  get idle(): boolean {
    return this.queuedUnits === 0 && this.pins === 0;
  }
}

/**
 * Gives inputs the next places in their context and moves `planned` there. Throws, and changes nothing, if an input has a
 * Lamport time out of range, the context is full, or another node decides what is next. Cost: two SHA-256 of the payload
 * and the record per entry.
 */
export function planEntries(
  state: ContextState,
  inputs: readonly CheckedInput[],
  origin: Origin,
): PlannedEntry[] {
  state.shared?.checkWritable();
  const nowNs = origin.clock.nowNs();
  const before = state.planned;
  let { latest, lamport, appendedAtNs, bytes } = before ?? {
    latest: 0,
    lamport: 0n,
    appendedAtNs: 0n,
    bytes: 0,
  };
  const entries: PlannedEntry[] = [];
  for (const input of inputs) {
    latest += 1;
    if (latest > limits.sequenceMax) throw contextFull();
    lamport = input.receivedLamport === 0n ? tick(lamport) : receive(lamport, input.receivedLamport);
    appendedAtNs = nowNs > appendedAtNs ? nowNs : appendedAtNs + 1n;
    if (appendedAtNs > limits.timeNsMax) throw timeExhausted();
    bytes += input.bytes;
    const idempotent = input.idempotencyKey !== "" || input.id !== undefined;
    const id = idempotent
      ? (input.id ?? idempotentId(state.id, input.idempotencyKey, origin.hasher))
      : origin.ids.next(Number(appendedAtNs / 1_000_000n));
    const { key, payload, metadata } = input;
    const entry: Entry = { id, key, payload, sequence: latest, appendedAtNs, metadata, lamport };
    const hash = contentHash(state.id, entry, origin.hasher);
    const wire = encodeEntry(entry);
    entries.push({
      sequence: latest,
      id,
      key,
      appendedAtNs,
      lamport,
      contentHash: hash,
      wire,
      payload,
      metadata,
      idempotent,
    });
  }
  if (entries.length === 0) return entries;
  state.planned = {
    log: before?.log ?? origin.newLog(),
    latest,
    lamport,
    appendedAtNs,
    bytes,
    createdAtNs: before?.createdAtNs ?? nowNs,
  };
  return entries;
}

function timeExhausted(): LedgerError {
  return new LedgerError("OUT_OF_RANGE", "the context's appended_at_ns has reached 2^63-1", {
    reason: "TIME_EXHAUSTED",
    limit: limits.timeNsMax,
    remedy: "continue in a new context",
  });
}

function contextFull(): LedgerError {
  return new LedgerError("OUT_OF_RANGE", "the context has 2^53-1 entries", {
    reason: "SEQUENCE_EXHAUSTED",
    limit: limits.sequenceMax,
    remedy: "continue in a new context",
  });
}
