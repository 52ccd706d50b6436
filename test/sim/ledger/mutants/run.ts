/**
 * Runs simulations without one rule: `run.ts NAME SEEDS`. Prints as JSON what was found in how many seeds, until something
 * was that the mutant must show. It is a process of its own, because sources are changed as they are loaded.
 *
 * @module
 */

import { assert } from "../../../../src/core/assert.ts";
import { mutants } from "./mutants.ts";

const [, , name, seeds, from = "1"] = Bun.argv;
const mutant = mutants.find((one) => one.name === name);
assert(mutant !== undefined, `there is a mutant ${name}`);

const root = `${import.meta.dir}/../../../../`;
const changed = new Map<string, string>();
for (const { file, find, replace } of mutant.edits) {
  const path = Bun.fileURLToPath(new URL(root + file, "file://"));
  const text = changed.get(path) ?? (await Bun.file(path).text());
  assert(text.split(find).length === 2, `${file} says once: ${find}`);
  changed.set(
    path,
    text.replace(find, () => replace),
  );
}
Bun.plugin({
  name: "mutant",
  setup(build) {
    build.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => ({
      contents: changed.get(path) ?? (await Bun.file(path).text()),
      loader: "ts",
    }));
  },
});

// Only now, with the sources changed.
const { kindsOf, runSeeds } = await import("../seeds.ts");
const found = new Map<string, number>();
const range = { from: Number(from), nodes: 5, operations: 200, ...mutant.range, seeds: Number(seeds) };
const report = await runSeeds(range, (violations) => {
  const kinds = kindsOf(violations);
  for (const kind of kinds) found.set(kind, (found.get(kind) ?? 0) + 1);
  return kinds.some((kind) => mutant.finds.includes(kind));
});
console.log(JSON.stringify({ seeds: report.seeds, found: Object.fromEntries(found) }));
process.exit(0);
