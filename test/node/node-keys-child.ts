/**
 * Changes the keys of a data directory: `rotate N` adds N keys, `both` adds and erases until it is killed. Writes the newest
 * public key after each change.
 *
 * @module
 */

import { hex } from "../../src/core/hex.ts";
import { openNodeKeys } from "../../src/node/node-keys.ts";
import { createSystemClock } from "../../src/node/system-clock.ts";

const [directory = "", mode = "", times = "0"] = process.argv.slice(2);
const keys = await openNodeKeys({ directory, mayCreate: true, clock: createSystemClock() });

for (let i = 0; mode === "both" || i < Number(times); i += 1) {
  const { active } = await keys.rotate();
  console.log(hex(active[0]?.publicKey ?? new Uint8Array(0)));
  if (mode === "both" && active.length > 2) await keys.retire();
}
