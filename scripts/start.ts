/**
 * Serves from a fresh checkout: installs what is missing, builds if the sources are newer than the
 * executable, and runs `converge-ledger serve` with the arguments it was given. Signals and the exit
 * code pass through.
 *
 * @module
 */

import { executable } from "./steps/executable.ts";
import { isFresh } from "./steps/fresh.ts";
import { installDependencies } from "./steps/install.ts";
import { isAlive, launchers } from "./steps/launchers.ts";
import { bun } from "./steps/project.ts";
import { mustRun } from "./steps/run.ts";

const watchMs = 250;
const startedBy = launchers();

await installDependencies();
if (!(await isFresh(executable))) await mustRun([bun, "scripts/build.ts"]);

const server = Bun.spawn([executable, "serve", ...Bun.argv.slice(2)], {
  stdio: ["inherit", "inherit", "inherit"],
});
process.on("SIGTERM", () => server.kill("SIGTERM"));
// A terminal sends these to the server as well.
const onTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
for (const signal of ["SIGINT", "SIGHUP"] as const)
  process.on(signal, () => onTerminal || server.kill(signal));
const watch = setInterval(() => {
  if (startedBy.every(isAlive)) return;
  clearInterval(watch);
  server.kill("SIGTERM");
}, watchMs);

const exitCode = await server.exited;
clearInterval(watch);
process.exit(exitCode);
