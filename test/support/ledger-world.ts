import { decodeEntry } from "../../src/core/entry-wire.ts";
import type { Entry } from "../../src/core/entry.ts";
import { LedgerError } from "../../src/core/errors.ts";
import type { AppendInput } from "../../src/core/validate.ts";
import { loadHasher } from "../../src/hash/load-hasher.ts";
import type { Appended } from "../../src/ledger/append-unit.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import type { DamageReport } from "../../src/ledger/observer.ts";
import type { Random, StoredEntry } from "../../src/ledger/ports.ts";
import { inflate } from "../../src/node/inflate.ts";
import { createZstd } from "../../src/node/zstd.ts";
import type { GetResult } from "../../src/ledger/reader.ts";
import { FakeSigner } from "./fake-signer.ts";
import { LedgerClock } from "./ledger-clock.ts";
import { FaultyStore } from "./ledger-store.ts";

export const hasher = await loadHasher();
const zstd = createZstd();

/** A ledger with everything around it in the hands of the test. */
export interface LedgerWorld {
  readonly ledger: Ledger;
  readonly store: FaultyStore;
  readonly clock: LedgerClock;
  readonly signer: FakeSigner;
  /** What the observer was told, oldest first. */
  readonly measured: { readonly entries: number; readonly bytes: number }[];
  /** What damage it was told of, oldest first. */
  readonly damage: readonly DamageReport[];
}

/** Returns a new ledger, on the store and clock of an earlier one if given, as after a restart. */
export function ledgerWorld(
  parts: { store?: FaultyStore; clock?: LedgerClock; random?: Random } = {},
): LedgerWorld {
  const store = parts.store ?? new FaultyStore();
  const clock = parts.clock ?? new LedgerClock();
  const signer = new FakeSigner();
  const measured: { entries: number; bytes: number }[] = [];
  const damage: DamageReport[] = [];
  const observer = {
    commit: (commit: { entries: number; bytes: number }) => void measured.push(commit),
    found: (report: DamageReport) => void damage.push(report),
    healed() {},
    scrubFailed() {},
  };
  return {
    ledger: new Ledger({
      store,
      clock,
      random: parts.random ?? sharedRandom,
      hasher,
      zstd,
      inflate,
      observer,
      signer,
      scrubRate: 0,
    }),
    store,
    clock,
    signer,
    measured,
    damage,
  };
}

/** Returns bytes that differ every time, and are the same for the same seed. */
export function seededRandom(seed: number): Random {
  let state = seed;
  return {
    fill(target) {
      for (let i = 0; i < target.length; i += 1) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        target[i] = state >>> 24;
      }
    },
  };
}

/** One for all ledgers, so that a ledger on the store of an earlier one gives other ids. */
const sharedRandom = seededRandom(1);

/** Returns what to append; what is not given has its default. */
export function input(
  parts: Partial<Omit<AppendInput, "payload">> & { payload?: string | Uint8Array } = {},
): AppendInput {
  const { payload = "payload", ...rest } = parts;
  return {
    key: "facts",
    metadata: [],
    receivedLamport: 0n,
    idempotencyKey: "",
    ...rest,
    payload: typeof payload === "string" ? new TextEncoder().encode(payload) : payload,
  };
}

/** Appends one entry. */
export function append(
  ledger: Ledger,
  contextId: string,
  parts: Parameters<typeof input>[0] = {},
): Promise<Appended> {
  return ledger.append(contextId, input(parts), { minCopies: 0 });
}

/** Appends entries together. */
export function appendBatch(
  ledger: Ledger,
  contextId: string,
  batch: readonly Parameters<typeof input>[0][],
): Promise<Appended[]> {
  return ledger.appendBatch(contextId, batch.map(input), { minCopies: 0 });
}

/** Appends entries with the payloads p1, p2 and so on. */
export async function appendMany(
  ledger: Ledger,
  contextId: string,
  count: number,
  key = "facts",
): Promise<void> {
  const from = (await get(ledger, contextId)).latestSequence;
  const batch = Array.from({ length: count }, (_, i) => ({ key, payload: `p${from + i + 1}` }));
  for (let start = 0; start < count; start += 1000) {
    await appendBatch(ledger, contextId, batch.slice(start, start + 1000));
  }
}

/** Reads entries; what is not given is not set, as in a message. */
export function get(
  ledger: Ledger,
  contextId: string,
  parts: Partial<Parameters<Ledger["get"]>[0]> = {},
  signal?: AbortSignal,
): Promise<GetResult> {
  const unset = {
    key: "",
    afterSequence: 0n,
    limit: 0,
    maxBytes: 0,
    minSequence: 0n,
    resumeToken: new Uint8Array(0),
  };
  return ledger.get({ contextId, ...unset, ...parts }, signal);
}

/** Returns all entries of a context. */
export async function entriesOf(ledger: Ledger, contextId: string): Promise<Entry[]> {
  return (await get(ledger, contextId)).entries.map(decoded);
}

export function decoded(entry: StoredEntry): Entry {
  return decodeEntry(entry.wire);
}

export function payloadText({ payload }: Pick<Entry, "payload">): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
}

/** Returns the error that `work` ends with; fails if it ends well, or with anything but a LedgerError. */
export async function failureOf(work: Promise<unknown> | (() => unknown)): Promise<LedgerError> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    if (error instanceof LedgerError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

/** Returns what programs can know about how `work` failed. */
export async function factsOf(work: Promise<unknown> | (() => unknown)): Promise<object> {
  const { code, facts } = await failureOf(work);
  return { code, ...facts };
}
