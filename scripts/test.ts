/**
 * Runs every test from a fresh checkout: installs what is missing, builds the executable the tests
 * drive, and runs them. Arguments go to `bun test`; the checks of scripts/check.ts are tests too.
 *
 * @module
 */

import { installDependencies } from "./steps/install.ts";
import { bun } from "./steps/project.ts";
import { mustRun, run } from "./steps/run.ts";

await installDependencies();
await mustRun([bun, "scripts/build.ts"]);
// Every file gets its own process state: files that share one have been seen to leak into each other.
process.exit(await run([bun, "test", "--parallel=2", "--timeout=30000", ...Bun.argv.slice(2)]));
