/**
 * Verifies the data directory of a stopped node: every context, the log of logs, and what they say of each other.
 * Writes nothing there.
 *
 * @module
 */

import type { Hash, Hasher } from "../../core/hasher.ts";
import { LedgerError } from "../../core/errors.ts";
import { firstGeneration } from "../../ledger/checkpoints.ts";
import { type Head, nodeLogId, StoreError } from "../../ledger/ports.ts";
import { Verification } from "../../ledger/verification.ts";
import { compareBytes } from "../../store/compare-bytes.ts";
import { type OfflineStore, openOfflineStore } from "../../store/offline-store.ts";
import { encodeUtf8 } from "../../core/utf8.ts";
import { readHeadRecord } from "./read-head-record.ts";
import { verifyHeadLeaves } from "./verify-head-leaves.ts";

/** What a finding is about. */
export type DataLog =
  | { readonly kind: "context"; readonly contextId: string }
  | { readonly kind: "node" }
  | { readonly kind: "file" };

/** What the verification tells on its way; `result` comes last. */
export type DataStep =
  | { readonly kind: "progress"; readonly verified: number; readonly total: number }
  | { readonly kind: "log"; readonly log: DataLog; readonly size: number; readonly root: Hash }
  /** `sequence` is 0 if it is no single entry. */
  | { readonly kind: "damage"; readonly log: DataLog; readonly sequence: number; readonly detail: string }
  | {
      readonly kind: "result";
      readonly contexts: number;
      readonly entries: number;
      readonly damaged: number;
    };

const contextsPerPage = 256;
const theFile: DataLog = { kind: "file" };

/** Yields what is found in a directory. Throws StoreOpenError if it is no ledger's, or in use. */
export async function* verifyData(directory: string, hasher: Hasher): AsyncGenerator<DataStep, void> {
  using store = openOfflineStore(directory);
  const found = { contexts: 0, entries: 0, bytes: 0, damaged: 0 };
  for await (const step of new DataVerification(store, hasher).steps(found)) {
    if (step.kind === "damage") found.damaged += 1;
    yield step;
  }
  const { contexts, entries, damaged } = found;
  yield { kind: "result", contexts, entries, damaged };
}

interface Sums {
  contexts: number;
  entries: number;
  bytes: number;
}

class DataVerification {
  readonly #store: OfflineStore;
  readonly #hasher: Hasher;
  readonly #verification: Verification;
  #total = 0;
  #verified = 0;

  constructor(store: OfflineStore, hasher: Hasher) {
    this.#store = store;
    this.#hasher = hasher;
    // What is found is told to the caller, and not kept in the file.
    const damage = { load: nothing, verified: nothing, troubled: () => {} };
    const clock = { yield: () => new Promise<void>((resolve) => setImmediate(resolve)) };
    this.#verification = new Verification({
      store,
      contexts: { peek: () => undefined },
      clock,
      hasher,
      damage,
    });
  }

  /** Yields all but the result, and adds up what it reads. */
  async *steps(sums: Sums): AsyncGenerator<DataStep, void> {
    const nodeHead = yield* this.#tried(theFile, () => this.#store.head(nodeLogId));
    const totals = yield* this.#tried(theFile, () => this.#store.totals());
    this.#total = (totals?.entries ?? 0) + (nodeHead?.latest ?? 0);
    yield { kind: "progress", verified: 0, total: this.#total };
    const faults = yield* this.#tried(theFile, () => Promise.resolve(this.#store.faults()));
    for (const detail of faults ?? []) yield { kind: "damage", log: theFile, sequence: 0, detail };
    for await (const { contextId, head } of this.#contexts()) {
      if (typeof head === "string") {
        yield { kind: "damage", log: theFile, sequence: 0, detail: head };
        continue;
      }
      sums.contexts += 1;
      sums.entries += head.latest;
      sums.bytes += head.bytes;
      const log: DataLog = { kind: "context", contextId };
      yield* this.#log(log, contextId);
      const misplaced = yield* this.#tried(log, () => Promise.resolve(this.#store.misplacedIds(head.log)));
      for (const sequence of misplaced ?? [])
        yield { kind: "damage", log, sequence, detail: "it is found under an id that is not its own" };
      yield* this.#leavesOf(contextId, head, nodeHead);
    }
    yield* this.#log({ kind: "node" }, nodeLogId);
    yield* this.#strayLeaves(nodeHead);
    yield* this.#straySignatures();
    for (const name of ["contexts", "entries", "bytes"] as const) {
      if (totals === undefined || totals[name] === sums[name]) continue;
      const detail = `the sum kept of all ${name} is ${totals[name]}, and there are ${sums[name]}`;
      yield { kind: "damage", log: theFile, sequence: 0, detail };
    }
  }

  /** Verifies one log. What cannot be read is a finding, and the next one follows. */
  async *#log(log: DataLog, contextId: string): AsyncGenerator<DataStep, void> {
    const before = this.#verified;
    try {
      for await (const step of this.#verification.verify(contextId, undefined)) {
        if (step.kind === "damage") yield { ...step, log };
        if (step.kind === "result") yield { kind: "log", log, ...step.head };
        if (step.kind !== "progress") continue;
        this.#verified = before + step.verified;
        yield { kind: "progress", verified: this.#verified, total: this.#total };
      }
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      yield { kind: "damage", log, sequence: 0, detail: error.message };
    }
  }

  /** Yields every context with its head, or why there are no more. */
  async *#contexts(): AsyncGenerator<{ contextId: string; head: Head | string }, void> {
    let after = "";
    for (;;) {
      let page: readonly { readonly contextId: string; readonly head: Head }[];
      try {
        page = this.#store.contexts(after, contextsPerPage);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        return yield { contextId: "", head: `the contexts after ${JSON.stringify(after)}: ${error.message}` };
      }
      for (const context of page) {
        // Else a damaged file could lead round and round.
        if (compareBytes(encodeUtf8(context.contextId), encodeUtf8(after)) <= 0)
          return yield {
            contextId: "",
            head: `the contexts after ${JSON.stringify(after)} are not in order`,
          };
        yield context;
        after = context.contextId;
      }
      if (page.length < contextsPerPage) return;
    }
  }

  /** Compares what the log of logs says of a context with its entries. */
  async *#leavesOf(
    contextId: string,
    head: Head,
    nodeHead: Head | undefined,
  ): AsyncGenerator<DataStep, void> {
    if (nodeHead === undefined) return;
    const log: DataLog = { kind: "node" };
    try {
      const generation = (await this.#store.signedHead(contextId))?.generation ?? firstGeneration;
      const parts = { store: this.#store, hasher: this.#hasher, contextId, head, nodeHead, generation };
      for await (const { sequence, detail } of verifyHeadLeaves(parts))
        yield { kind: "damage", log, sequence, detail };
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      yield { kind: "damage", log, sequence: 0, detail: error.message };
    }
  }

  /** Looks for leaves of contexts that are not there, and were not given away or taken back either. */
  async *#strayLeaves(nodeHead: Head | undefined): AsyncGenerator<DataStep, void> {
    const log: DataLog = { kind: "node" };
    for (let after = 0; after < (nodeHead?.latest ?? 0); after += contextsPerPage) {
      const through = Math.min(after + contextsPerPage, nodeHead?.latest ?? 0);
      const stray = yield* this.#tried(log, () => this.#strays(nodeHead?.log ?? 0, after, through));
      for (const each of stray ?? []) yield { kind: "damage", log, ...each };
    }
  }

  async #strays(
    log: number,
    after: number,
    through: number,
  ): Promise<{ sequence: number; detail: string }[]> {
    const rows = await this.#store.read({
      log,
      after,
      through,
      entriesMax: through - after,
      bytesMax: Infinity,
    });
    const strays: { sequence: number; detail: string }[] = [];
    for (const { sequence, wire } of rows) {
      const record = readHeadRecord(wire);
      // A record that cannot be read is a finding of the log itself.
      if (record === undefined || (await this.#store.head(record.contextId)) !== undefined) continue;
      const { contextId, generation } = record;
      // Whatever takes away what is in a leaf begins a new generation.
      const signed = await this.#store.signedHead(contextId);
      if (generation < (signed?.generation ?? firstGeneration)) continue;
      strays.push({ sequence, detail: `it is of context ${JSON.stringify(contextId)}, which is not there` });
    }
    return strays;
  }

  /** Looks for signed sizes of contexts that are not there. */
  async *#straySignatures(): AsyncGenerator<DataStep, void> {
    let after: string | undefined;
    for (;;) {
      const from = after;
      const page = yield* this.#tried(theFile, () =>
        Promise.resolve(this.#store.signedHeads(from, contextsPerPage)),
      );
      for (const { contextId, size } of page ?? []) {
        after = contextId;
        if (size === 0 || (await this.#store.head(contextId)) !== undefined) continue;
        const log: DataLog = contextId === nodeLogId ? { kind: "node" } : { kind: "context", contextId };
        yield { kind: "damage", log, sequence: 0, detail: `size ${size} was signed, and nothing is there` };
      }
      if ((page?.length ?? 0) < contextsPerPage || after === from) return;
    }
  }

  /** Returns what `read` resolves with; undefined, after a finding, if it cannot be read. */
  async *#tried<T>(log: DataLog, read: () => Promise<T>): AsyncGenerator<DataStep, T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      yield { kind: "damage", log, sequence: 0, detail: error.message };
      return undefined;
    }
  }
}

async function nothing(): Promise<void> {}
