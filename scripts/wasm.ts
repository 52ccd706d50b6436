/**
 * Builds the WebAssembly Merkle core of wasm/ into one TypeScript module, src/hash/core-bytes.ts, so that the
 * executable, Node and browsers load the same bytes in the same way. Does nothing if that is newer than its sources.
 *
 * @module
 */

import { readdir, readFile, rename, stat } from "node:fs/promises";
import { main as compile } from "assemblyscript/asc";
import { projectRoot } from "./steps/project.ts";

const output = `${projectRoot}/src/hash/core-bytes.ts`;
const sources = [`${projectRoot}/wasm`, `${projectRoot}/scripts/wasm.ts`];

/** The same sources with and without vectors of four words. */
const builds = {
  scalarCore: [],
  simdCore: ["--enable", "simd"],
} as const;

if (import.meta.main && !(await isFresh())) {
  let text = "// Built by scripts/wasm.ts from wasm/; never edited.\n";
  for (const [name, flags] of Object.entries(builds)) {
    const bytes = await built(flags);
    text += `\nexport const ${name} =\n  "${bytes.toBase64()}";\n`;
  }
  // In one step, so that whoever reads it meanwhile reads all of it.
  await Bun.write(`${output}.${process.pid}`, text);
  await rename(`${output}.${process.pid}`, output);
}

async function isFresh(): Promise<boolean> {
  const file = await stat(output).catch(() => undefined);
  if (file === undefined) return false;
  const changed = await Promise.all(sources.map(newest));
  return Math.max(...changed) < file.mtimeMs;
}

async function newest(path: string): Promise<number> {
  const paths = await readdir(path, { recursive: true }).catch(() => []);
  const times = await Promise.all(
    [path, ...paths.map((inner) => `${path}/${inner}`)].map(async (each) => (await stat(each)).mtimeMs),
  );
  return Math.max(...times);
}

async function built(flags: readonly string[]): Promise<Uint8Array> {
  const module = "module.wasm";
  let bytes: Uint8Array | undefined;
  let report = "";
  const { error } = await compile(
    [
      ...["module.ts", "--outFile", module, "--optimizeLevel", "3", "--runtime", "stub", "--noAssert"],
      // Nothing is imported: what would abort traps.
      ...["--use", "abort=", ...flags],
    ],
    {
      readFile,
      writeFile(name, contents) {
        if (name === module && typeof contents !== "string") bytes = contents;
      },
      listFiles: () => [],
      stderr: {
        write(text) {
          report += typeof text === "string" ? text : new TextDecoder().decode(text);
        },
      },
    },
  );
  if (error !== null || bytes === undefined)
    throw new Error(`Cannot build wasm/: ${report}`, { cause: error });
  return bytes;

  /** The functions of wasm/inline are written without the decorator that no formatter knows. */
  async function readFile(name: string): Promise<string | null> {
    const text = await sourceText(name);
    if (!name.startsWith("inline/")) return text;
    return text?.replaceAll(/^(?=(?:export )?function )/gm, "@inline\n") ?? null;
  }
}

async function sourceText(name: string): Promise<string | null> {
  try {
    return await readFile(`${projectRoot}/wasm/${name}`, "utf8");
  } catch {
    return null;
  }
}
