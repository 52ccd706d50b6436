import { assert } from "../core/assert.ts";
import type { Entry } from "../core/entry.ts";
import { clientMetadata } from "../core/moved.ts";
import { LedgerError, quote } from "../core/errors.ts";
import type { CheckedInput } from "../core/validate.ts";
import type { Unit } from "./commit-unit.ts";
import type { ContextState, Origin, PlannedEntry, Reservation } from "./context-state.ts";
import { planEntries } from "./context-state.ts";
import { decodeStored } from "./decode-stored.ts";
import type { Head, NewRow, StoredEntry } from "./ports.ts";

/** What is told of an acknowledged entry. */
export interface Receipt extends Omit<StoredEntry, "wire"> {
  readonly id: string;
  readonly appendedAtNs: bigint;
  readonly lamport: bigint;
  /** True if the entry existed before this call. */
  readonly duplicate: boolean;
  /** Nodes that are known to have it on disk. */
  readonly copies: number;
  /** Nodes that are meant to have it. */
  readonly holders: number;
}

/** An acknowledged entry. */
export interface Appended extends Receipt, StoredEntry {}

/** How one input of a unit with idempotency keys is answered. */
export type Slot =
  | { readonly kind: "new"; readonly input: CheckedInput }
  /** An entry that is on disk. */
  | { readonly kind: "stored"; readonly appended: Appended }
  /** An entry that is queued before this one. */
  | { readonly kind: "pending"; readonly input: CheckedInput; readonly reservation: Reservation }
  /** An entry of the same unit: the one that its `index`th new slot becomes. */
  | { readonly kind: "repeated"; readonly index: number };

/** Inputs that become consecutive entries of one context, or answers to retries. */
export class AppendUnit implements Unit {
  readonly state: ContextState;
  readonly entries: number;
  readonly bytes: number;
  readonly #inputs: readonly CheckedInput[];
  readonly #slots: readonly Slot[] | undefined;
  readonly #origin: Origin;
  readonly #resolve: (appended: Appended[]) => void;
  readonly #reject: (error: Error) => void;
  readonly #reservations = new Map<string, Reservation>();
  #planned: readonly PlannedEntry[] = [];
  #after: Head | undefined;

  constructor(parts: {
    state: ContextState;
    inputs: readonly CheckedInput[];
    slots: readonly Slot[] | undefined;
    origin: Origin;
    resolve: (appended: Appended[]) => void;
    reject: (error: Error) => void;
  }) {
    this.state = parts.state;
    this.#slots = parts.slots && markRepeated(parts.slots);
    this.#inputs = this.#slots === undefined ? parts.inputs : newInputs(this.#slots);
    this.#origin = parts.origin;
    this.#resolve = parts.resolve;
    this.#reject = parts.reject;
    this.entries = parts.inputs.length;
    let bytes = 0;
    for (const input of parts.inputs) bytes += input.bytes;
    this.bytes = bytes;
  }

  plan(): void {
    for (const slot of this.#slots ?? []) if (slot.kind === "pending") checkPending(slot);
    this.#planned = planEntries(this.state, this.#inputs, this.#origin);
    this.#after = this.#planned.length === 0 ? undefined : this.state.planned;
    for (const entry of this.#planned) if (entry.idempotent) this.#reserve(entry);
  }

  rows(): readonly NewRow[] {
    const log = this.#after?.log;
    if (log === undefined) return [];
    return this.#planned.map(({ sequence, key, contentHash, wire, id, idempotent }) => ({
      log,
      sequence,
      key,
      contentHash,
      wire,
      findableId: idempotent ? id : undefined,
    }));
  }

  headAfter(): Head | undefined {
    return this.#after;
  }

  /** Retries wait for the entry they are answered with. */
  answeredAt(): number {
    let through = this.#after?.latest ?? 0;
    for (const slot of this.#slots ?? []) {
      if (slot.kind === "stored") through = Math.max(through, slot.appended.sequence);
      else if (slot.kind === "pending") through = Math.max(through, slot.reservation.entry.sequence);
    }
    return through;
  }

  committed(): void {
    this.#release();
    if (this.#slots === undefined) {
      this.#resolve(this.#planned.map((entry) => this.#appended(entry, false)));
      return;
    }
    let next = 0;
    this.#resolve(
      this.#slots.map((slot) => {
        switch (slot.kind) {
          case "stored":
            return withCopies(slot.appended, this.state);
          case "pending":
            return this.#appended(slot.reservation.entry, true);
          case "repeated":
            return this.#appended(this.#plannedAt(slot.index), true);
          case "new":
            return this.#appended(this.#plannedAt(next++), false);
        }
      }),
    );
  }

  #appended(entry: PlannedEntry, duplicate: boolean): Appended {
    const { sequence, contentHash, wire, id, appendedAtNs, lamport } = entry;
    const { shared } = this.state;
    const copies = shared === undefined ? 1 : shared.copiesOf(sequence);
    const holders = shared === undefined ? 1 : shared.holders;
    return { sequence, contentHash, wire, id, appendedAtNs, lamport, duplicate, copies, holders };
  }

  #plannedAt(index: number): PlannedEntry {
    const entry = this.#planned[index];
    assert(entry !== undefined, "every new slot has its planned entry");
    return entry;
  }

  failed(error: LedgerError): void {
    for (const reservation of this.#reservations.values()) reservation.failed = true;
    this.#release();
    this.#reject(error);
  }

  #reserve(entry: PlannedEntry): void {
    const reservation = this.#reservations.get(entry.id);
    if (reservation !== undefined) {
      reservation.entry = entry;
      return;
    }
    const fresh: Reservation = { entry, failed: false };
    this.#reservations.set(entry.id, fresh);
    this.state.pendingIds.set(entry.id, fresh);
  }

  #release(): void {
    for (const id of this.#reservations.keys()) this.state.pendingIds.delete(id);
  }
}

/**
 * Returns the stored entry as the answer to a retry, as one node alone gives it. Throws ALREADY_EXISTS if the retry has other
 * content than the entry.
 */
export function duplicateOf(stored: StoredEntry, input: CheckedInput): Appended {
  const entry = decodeStored(stored);
  checkSameContent(entry, input);
  const { id, appendedAtNs, lamport } = entry;
  return { ...stored, id, appendedAtNs, lamport, duplicate: true, copies: 1, holders: 1 };
}

/** Returns an entry with what is known of its copies now. */
export function withCopies(entry: Appended, { shared }: ContextState): Appended {
  if (shared === undefined) return entry;
  return { ...entry, copies: shared.copiesOf(entry.sequence), holders: shared.holders };
}

function checkPending(slot: Extract<Slot, { kind: "pending" }>): void {
  if (slot.reservation.failed) {
    throw new LedgerError("UNAVAILABLE", "the first append with this idempotency_key failed", {
      reason: "FIRST_ATTEMPT_FAILED",
      field: "idempotency_key",
      value: slot.input.idempotencyKey,
      remedy: "retry",
      retryAfterMs: 100,
    });
  }
  checkSameContent(slot.reservation.entry, slot.input);
}

/** Lets slots that repeat an idempotency key of the same unit answer with the first one's entry. */
function markRepeated(slots: readonly Slot[]): Slot[] {
  const first = new Map<string, { readonly index: number; readonly input: CheckedInput }>();
  let index = 0;
  return slots.map((slot) => {
    if (slot.kind !== "new") return slot;
    const { input } = slot;
    const name = input.id ?? input.idempotencyKey;
    const earlier = name === "" ? undefined : first.get(name);
    if (earlier !== undefined) {
      checkSameContent(earlier.input, input);
      return { kind: "repeated", index: earlier.index };
    }
    first.set(name, { index, input });
    index += 1;
    return slot;
  });
}

function checkSameContent(
  entry: Pick<Entry, "key" | "payload" | "metadata"> & { sequence?: number },
  input: CheckedInput,
): void {
  const stored = clientMetadata(entry.metadata);
  const given = clientMetadata(input.metadata);
  const same =
    entry.key === input.key &&
    sameBytes(entry.payload, input.payload) &&
    stored.length === given.length &&
    stored.every(([name, value], i) => name === given[i]?.[0] && value === given[i]?.[1]);
  if (same) return;
  throw new LedgerError(
    "ALREADY_EXISTS",
    `idempotency_key ${quote(input.idempotencyKey)} belongs to ${entry.sequence === undefined ? "another entry of this batch" : `the entry at sequence ${entry.sequence}`}, which has another key, payload or metadata`,
    {
      reason: "IDEMPOTENCY_KEY_REUSED",
      field: "idempotency_key",
      value: input.idempotencyKey,
      ...(entry.sequence === undefined ? {} : { sequence: entry.sequence }),
      remedy: "use a fresh idempotency_key for other content",
    },
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  // Several times as fast as every() on a payload of megabytes.
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

function newInputs(slots: readonly Slot[]): CheckedInput[] {
  const inputs: CheckedInput[] = [];
  for (const slot of slots) if (slot.kind === "new") inputs.push(slot.input);
  return inputs;
}
