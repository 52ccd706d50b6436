/** Opens the store of a directory and prints why it could not. */
import { StoreOpenError } from "../../src/store/open-error.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { workerUrl } from "./sample-rows.ts";

try {
  await (await openSqliteStore({ directory: process.argv[2] ?? "", workerUrl })).close();
  console.log(JSON.stringify({ kind: "opened", message: "" }));
} catch (error) {
  if (!(error instanceof StoreOpenError)) throw error;
  console.log(JSON.stringify({ kind: error.kind, message: error.message }));
}
