/**
 * Commits on a disk whose syncs fail for a while, and prints what it was told as JSON.
 * Argument: directory. The disk fails while the file FAILING_SYNC_FLAG exists.
 */
import { rmSync, writeFileSync } from "node:fs";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { append, workerUrl } from "./sample-rows.ts";

const [directory = ""] = process.argv.slice(2);
const flag = process.env["FAILING_SYNC_FLAG"] ?? "";
const failureOf = (error: { failure?: string; kind?: string; message: string }) => ({
  failure: error.failure ?? error.kind,
  message: error.message,
});

const store = await openSqliteStore({ directory, workerUrl });
await append(store, "c", 3);
writeFileSync(flag, "");
const commit = await append(store, "c", 1).catch(failureOf);
const crashed = (await store.crashed).message;
await store.abort();
const open = await openSqliteStore({ directory, workerUrl }).catch(failureOf);
rmSync(flag);
const again = await openSqliteStore({ directory, workerUrl });
const recovered = (await again.head("c"))?.latest;
const latest = (await append(again, "c", 1)).latest;
await again.close();
console.log(JSON.stringify({ commit, crashed, open, recovered, latest }));
