/**
 * Units that replication writes: entries another node gave their place, what this node has promised, entries that lost
 * their place, a context that goes.
 *
 * @module
 */

import type { LedgerError } from "../core/errors.ts";
import type { CommitExtras } from "./commit-extras.ts";
import type { Unit } from "./commit-unit.ts";
import type { ContextState } from "./context-state.ts";
import type { Head, NewRow, Replica } from "./ports.ts";
import { headMoved } from "./queue-refusal.ts";

interface Settled {
  resolve(): void;
  reject(error: LedgerError): void;
}

/** Rows that follow a known head, and what the replica says with them. */
export class ExtendUnit implements Unit {
  readonly entries: number;
  readonly bytes: number;
  readonly state: ContextState;
  readonly #parts: {
    readonly base: Head | undefined;
    readonly to: Head;
    readonly rows: readonly NewRow[];
    readonly replica: Replica;
  };
  readonly #settled: Settled;

  constructor(
    state: ContextState,
    parts: { base: Head | undefined; to: Head; rows: readonly NewRow[]; replica: Replica; bytes: number },
    settled: Settled,
  ) {
    this.state = state;
    this.entries = parts.rows.length;
    this.bytes = parts.bytes;
    this.#parts = parts;
    this.#settled = settled;
  }

  plan(): void {
    const { planned } = this.state;
    const { base, to } = this.#parts;
    if (planned?.log !== base?.log || planned?.latest !== base?.latest) throw headMoved(this.state.id);
    this.state.planned = to;
  }

  rows(): readonly NewRow[] {
    return this.#parts.rows;
  }

  headAfter(): Head {
    return this.#parts.to;
  }

  extras(): CommitExtras {
    return { replicas: [this.#parts.replica] };
  }

  committed(): void {
    this.#settled.resolve();
  }

  failed(error: LedgerError): void {
    this.#settled.reject(error);
  }
}

/** Writes something about a context that does not move its head by rows. */
export class ReplicaUnit implements Unit {
  readonly entries = 0;
  readonly bytes = 0;
  readonly state: ContextState;
  readonly #extras: CommitExtras;
  readonly #onDisk: () => void;
  readonly #settled: Settled;

  /** `onDisk` is called before anybody else learns of it. */
  constructor(state: ContextState, extras: CommitExtras, onDisk: () => void, settled: Settled) {
    this.state = state;
    this.#extras = extras;
    this.#onDisk = onDisk;
    this.#settled = settled;
  }

  plan(): void {}

  rows(): readonly [] {
    return [];
  }

  headAfter(): undefined {
    return undefined;
  }

  extras(): CommitExtras {
    return this.#extras;
  }

  written(): void {
    this.#onDisk();
  }

  committed(): void {
    this.#settled.resolve();
  }

  failed(error: LedgerError): void {
    this.#settled.reject(error);
  }
}

/** Returns the head that a truncation leaves: `after` entries of the same log. */
export function truncatedHead(
  from: Head,
  after: number,
  sums: Pick<Head, "lamport" | "appendedAtNs" | "bytes">,
): Head | undefined {
  return after === 0 ? undefined : { ...from, ...sums, latest: after };
}
