/**
 * Builds the executable.
 *
 *   bun scripts/build.ts                  dist/converge-ledger for this machine
 *   bun scripts/build.ts --target NAME    dist/converge-ledger-<version>-NAME, and its SHA-256 sum
 *   bun scripts/build.ts --target all     the same for every platform
 *
 * @module
 */

import { mkdir, rename } from "node:fs/promises";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { bun, projectRoot } from "./steps/project.ts";
import { mustRun } from "./steps/run.ts";
import { readStamp, type Stamp } from "./steps/stamp.ts";

const dist = `${projectRoot}/dist`;

const targets = [
  "linux-x64",
  "linux-arm64",
  "linux-x64-musl",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-arm64",
  "windows-x64",
  "windows-arm64",
] as const;
type Target = (typeof targets)[number];

if (import.meta.main) await main();

async function main(): Promise<void> {
  const { values } = parseArgs({ args: Bun.argv.slice(2), options: { target: { type: "string" } } });
  await mustRun([bun, "scripts/wasm.ts"]);
  const stamp = await readStamp();
  await mkdir(dist, { recursive: true });
  if (values.target === undefined) return await buildHere(stamp);

  const files = [];
  for (const target of chosenTargets(values.target)) {
    const name = `converge-ledger-${stamp.version}-${target}${target.startsWith("windows") ? ".exe" : ""}`;
    await compile({ outfile: `${dist}/${name}`, stamp, target });
    console.log(`dist/${name}`);
    files.push(`${dist}/${name}`);
  }
  await writeSums(files);
  console.log("dist/SHA256SUMS");
}

/** Replaces dist/converge-ledger in one step, so that one that runs is not disturbed. */
async function buildHere(stamp: Stamp): Promise<void> {
  const extension = process.platform === "win32" ? ".exe" : "";
  const fresh = `${dist}/.building-${process.pid}${extension}`;
  await compile({ outfile: fresh, stamp });
  await rename(fresh, `${dist}/converge-ledger${extension}`);
}

interface Compile {
  readonly outfile: string;
  readonly stamp: Stamp;
  readonly target?: Target;
}

async function compile({ outfile, stamp, target }: Compile): Promise<void> {
  await Bun.build({
    // The first is where the executable starts; the second is the file of a Worker.
    entrypoints: [`${projectRoot}/src/main.ts`, `${projectRoot}/src/store/writer-worker.ts`],
    root: `${projectRoot}/src`,
    format: "esm",
    bytecode: true,
    minify: true,
    sourcemap: "none",
    splitting: true,
    define: {
      BUILD_VERSION: JSON.stringify(stamp.version),
      BUILD_COMMIT: JSON.stringify(stamp.commit),
    },
    compile: {
      outfile,
      ...(target === undefined ? {} : { target: `bun-${target}` as const }),
      // A folder the executable is started in must not be able to change what it does.
      autoloadDotenv: false,
      autoloadBunfig: false,
    },
  });
}

function chosenTargets(name: string): readonly Target[] {
  if (name === "all") return targets;
  const target = targets.find((candidate) => candidate === name);
  if (target !== undefined) return [target];
  console.error(`unknown target ${JSON.stringify(name)}; use all or one of: ${targets.join(", ")}`);
  process.exit(2);
}

async function writeSums(files: readonly string[]): Promise<void> {
  let sums = "";
  for (const file of files) {
    const hash = new Bun.CryptoHasher("sha256").update(await Bun.file(file).bytes()).digest("hex");
    sums += `${hash}  ${basename(file)}\n`;
  }
  await Bun.write(`${dist}/SHA256SUMS`, sums);
}
