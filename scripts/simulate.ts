/**
 * Lets simulated clusters live through random faults, one for each seed, and prints what was violated in which. Ends with 1
 * if anything was. Every run of one seed with the same options is the same.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type WriteCopies, writeCopiesValues } from "../src/core/write-copies.ts";
import { commandOf, kindsOf, runSeeds, type SeedRange } from "../test/sim/ledger/seeds.ts";
import type { MembershipKind, Weather } from "../test/sim/ledger/world.ts";

const { values } = parseArgs({
  options: {
    from: { type: "string", default: "1" },
    seeds: { type: "string", default: "1000" },
    nodes: { type: "string", default: "5" },
    operations: { type: "string", default: "200" },
    "write-copies": { type: "string", default: "majority" },
    membership: { type: "string", default: "swim" },
    weather: { type: "string", default: "usual" },
  },
});

const range: SeedRange = {
  from: numberOf("from"),
  seeds: numberOf("seeds"),
  nodes: numberOf("nodes"),
  operations: numberOf("operations"),
  writeCopies: oneOf<WriteCopies>("write-copies", writeCopiesValues),
  membership: oneOf<MembershipKind>("membership", ["swim", "flapping"]),
  weather: oneOf<Weather>("weather", ["usual", "storm"]),
};
const beganMs = performance.now();
const { seeds, acknowledged, unknown, calls, violating } = await runSeeds(range, (violations, seed) => {
  if (violations.length > 0) {
    console.log(`seed ${seed}: ${kindsOf(violations).join(", ")}`);
    for (const text of violations.slice(0, 8)) console.log(`  ${text}`);
    console.log(`  ${commandOf(range, seed)}`);
  }
  return false;
});
const tookS = ((performance.now() - beganMs) / 1000).toFixed(1);
console.log(
  `${seeds} seeds in ${tookS} s: ${violating.size} with violations; ${acknowledged} entries acknowledged, ` +
    `${unknown} answers that were none, ${calls} calls between nodes`,
);
process.exit(violating.size > 0 ? 1 : 0);

function numberOf(name: "from" | "seeds" | "nodes" | "operations"): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${name} is no positive number: ${values[name]}`);
  return value;
}

function oneOf<Value extends string>(
  name: "write-copies" | "membership" | "weather",
  known: readonly Value[],
): Value {
  const value = known.find((one) => one === values[name]);
  if (value === undefined) throw new Error(`--${name} is one of ${known.join(", ")}, not ${values[name]}`);
  return value;
}
