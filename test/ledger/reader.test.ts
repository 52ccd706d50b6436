import { expect, test } from "bun:test";
import { ContextState } from "../../src/ledger/context-state.ts";
import { ContextTable } from "../../src/ledger/context-table.ts";
import type { Head, ReadRange, Store, StoredEntry } from "../../src/ledger/ports.ts";
import { Reader } from "../../src/ledger/reader.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { createSystemClock } from "../../src/node/system-clock.ts";

function head(log: number): Head {
  return { log, latest: 1, lamport: 1n, appendedAtNs: 1n, bytes: 1, createdAtNs: 1n };
}

test("page() reads again if the log was replaced, and its rows deleted, while it read", async () => {
  const state = new ContextState("c", head(1));
  const entry: StoredEntry = { sequence: 1, contentHash: new Uint8Array(32), wire: new Uint8Array(1) };
  const asked: number[] = [];
  const store: Store = {
    ...createMemoryStore(),
    async read({ log }: ReadRange) {
      asked.push(log);
      state.head = head(2);
      return log === 1 ? [] : [entry];
    },
  };
  const damage = { isLoaded: true, load: async () => {}, first: () => undefined };
  const reader = new Reader({ store, contexts: new ContextTable(store), clock: createSystemClock(), damage });
  // With a key nothing else shows that rows are missing.
  const page = await reader.page(state, { after: 0, through: 1, key: "k", entriesMax: 10, bytesMax: 10 });
  expect([asked, page]).toEqual([[1, 2], [entry]]);
});
