/**
 * Generates src/gen from proto/.
 *
 *   bun scripts/gen.ts              lints the protos and generates
 *   bun scripts/gen.ts --release    also fixes them: from now on they may only grow
 *
 * @module
 */

import { parseArgs } from "node:util";
import { buf, generateCommand } from "./steps/buf.ts";
import { mustRun } from "./steps/run.ts";

const { values } = parseArgs({ args: Bun.argv.slice(2), options: { release: { type: "boolean" } } });

await mustRun([buf(), "lint"]);
await mustRun(await generateCommand("src/gen"));
if (values.release) await mustRun([buf(), "build", "--exclude-source-info", "-o", "proto/released.binpb"]);
