/** Opens the store of a directory, says so, and keeps it open until it is killed. */
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { workerUrl } from "./sample-rows.ts";

await openSqliteStore({ directory: process.argv[2] ?? "", workerUrl });
console.log("ready");
