/** Commits ten times and writes a line for each acknowledgement. Arguments: directory, synchronous. */
import { writeSync } from "node:fs";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { append, workerUrl } from "./sample-rows.ts";

const [directory = "", synchronous] = process.argv.slice(2);
const store = await openSqliteStore({
  directory,
  workerUrl,
  synchronous: synchronous === "OFF" ? "OFF" : "FULL",
});
for (let commit = 1; commit <= 10; commit += 1) {
  await append(store, "c", 3);
  writeSync(1, `acknowledged ${commit}\n`);
}
await store.close();
