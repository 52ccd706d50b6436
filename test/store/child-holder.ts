/** Opens the store of a directory, forgets it, says so, and goes on until it is killed. */
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { workerUrl } from "./sample-rows.ts";

await openAndForget();
// Nothing refers to the store any more; its lock must hold all the same.
for (let turn = 0; turn < 5; turn += 1) {
  Bun.gc(true);
  await new Promise((resolve) => setImmediate(resolve));
}
process.stdout.write("ready\n");

async function openAndForget(): Promise<void> {
  await openSqliteStore({ directory: process.argv[2] ?? "", workerUrl });
}
