import { executable } from "../../scripts/steps/executable.ts";
import { isFresh } from "../../scripts/steps/fresh.ts";
import { bun } from "../../scripts/steps/project.ts";
import { capture } from "../../scripts/steps/run.ts";

/** Returns the path of the built executable; builds it first if a source is newer. Throws what the build says. */
export function builtExecutable(): Promise<string> {
  return (built ??= build());
}

let built: Promise<string> | undefined;

async function build(): Promise<string> {
  if (await isFresh(executable)) return executable;
  const { exitCode, report } = await capture([bun, "scripts/build.ts"]);
  if (exitCode !== 0) throw new Error(`The executable cannot be built:\n${report}`);
  return executable;
}
