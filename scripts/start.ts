/**
 * Serves from a fresh checkout: installs what is missing, builds if the sources are newer than the
 * executable, and becomes `converge-ledger serve` with the arguments it was given.
 *
 * @module
 */

import { executable } from "./steps/executable.ts";
import { isFresh } from "./steps/fresh.ts";
import { installDependencies } from "./steps/install.ts";
import { bun } from "./steps/project.ts";
import { mustRun } from "./steps/run.ts";

await installDependencies();
if (!(await isFresh(executable))) await mustRun([bun, "scripts/build.ts"]);
await serve(Bun.argv.slice(2));

async function serve(args: readonly string[]): Promise<void> {
  const command = [executable, "serve", ...args];
  // The server takes this process's place where that exists, so signals and its exit code need no help.
  if (process.platform !== "win32" && process.execve) process.execve(executable, command, process.env);
  const child = Bun.spawn(command, { stdio: ["inherit", "inherit", "inherit"] });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  process.exit(await child.exited);
}
