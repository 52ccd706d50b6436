import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { workerUrl } from "./sample-rows.ts";
import { testStoreContract } from "./store-contract.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

testStoreContract(async (use) => {
  using directory = temporaryDirectory();
  const store = await openSqliteStore({ directory: directory.path, workerUrl });
  try {
    await use(store);
  } finally {
    await store.close();
  }
});
