import { join } from "node:path";
import { runChild } from "./child.ts";

/** Compiles the load generator into the scratch directory and returns its path. */
export async function buildLoad(scratch: string): Promise<string> {
  const sources = join(import.meta.dir, "../native");
  const output = join(scratch, "load");
  const files = await Array.fromAsync(new Bun.Glob("*.c").scan({ cwd: sources, absolute: true }));
  await runChild([
    "gcc",
    "-O2",
    "-Wall",
    "-Wextra",
    "-D_GNU_SOURCE",
    "-o",
    output,
    ...files.toSorted(),
    "-lm",
  ]);
  return output;
}
