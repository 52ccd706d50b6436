/**
 * Checks the project's files without running the project: format, types, lint, protobuf rules and
 * compatibility, generated code, links. Says what is wrong and ends with 1 if anything is.
 *
 * @module
 */

import { checks } from "./steps/checks.ts";
import { bun } from "./steps/project.ts";
import { mustRun } from "./steps/run.ts";

await mustRun([bun, "scripts/wasm.ts"]);

const results = await Promise.all(
  checks.map(async ({ name, findings }) => ({ name, found: await findings() })),
);

for (const { name, found } of results)
  console.log(found === "" ? `ok    ${name}` : `FAIL  ${name}\n${found}\n`);
process.exit(results.every(({ found }) => found === "") ? 0 : 1);
