import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { workerUrl } from "../store/sample-rows.ts";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { FaultyStore } from "../support/ledger-store.ts";

/** Runs a test body over a store. */
export type WithStore = (use: (store: FaultyStore) => Promise<void>) => Promise<void>;

/** The stores there are, for tests that must hold for each. */
export const stores: readonly [name: string, withStore: WithStore][] = [
  ["in memory", (use) => use(new FaultyStore())],
  [
    "in a file",
    async (use) => {
      using directory = temporaryDirectory();
      const store = await openSqliteStore({ directory: directory.path, workerUrl });
      try {
        await use(new FaultyStore(store));
      } finally {
        await store.close();
      }
    },
  ],
];
