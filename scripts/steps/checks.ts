import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { buf, generateCommand } from "./buf.ts";
import { lintCommand } from "./lint.ts";
import { brokenLinks } from "./links.ts";
import { bun, projectRoot } from "./project.ts";
import { capture, type Captured, type RunOptions } from "./run.ts";

/** One thing that must hold for the project's files. */
export interface Check {
  readonly name: string;
  /** Returns what is wrong, for people; an empty text if nothing is. */
  readonly findings: () => Promise<string>;
}

export const checks: readonly Check[] = [
  // Without --no-script these two would run the scripts of package.json that have their names.
  { name: "format", findings: () => complaintsOf([bun, "fmt", "--check", "--no-script"]) },
  { name: "types", findings: () => complaintsOf([bun, "check", "--no-script"]) },
  { name: "lint", findings: lint },
  { name: "proto lint", findings: () => complaintsOf([buf(), "lint"]) },
  {
    name: "proto compatibility",
    findings: () => complaintsOf([buf(), "breaking", "--against", "proto/released.binpb"]),
  },
  { name: "generated code", findings: generatedDifferences },
  { name: "links in documents", findings: async () => (await brokenLinks()).join("\n") },
];

async function complaintsOf(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const { exitCode, report } = await capture(command, options);
  return exitCode === 0 ? "" : report || `exit code ${exitCode} of ${command.join(" ")}`;
}

async function lint(): Promise<string> {
  const { command, options } = lintCommand();
  return await complaintsOf(command, options);
}

async function generatedDifferences(): Promise<string> {
  const folder = await mkdtemp(`${tmpdir()}/converge-ledger-gen-`);
  try {
    const failure: Captured = await capture(await generateCommand(folder));
    if (failure.exitCode !== 0) return failure.report;
    const [fresh, committed] = await Promise.all([readTree(folder), readTree(`${projectRoot}/src/gen`)]);
    const paths = new Set([...fresh.keys(), ...committed.keys()]);
    const stale = [...paths].filter((path) => fresh.get(path) !== committed.get(path));
    return stale.map((path) => `src/gen/${path} is not what proto/ generates; run the gen script`).join("\n");
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function readTree(folder: string): Promise<Map<string, string>> {
  const paths = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith(".ts"));
  const texts = await Promise.all(paths.map((path) => Bun.file(`${folder}/${path}`).text()));
  return new Map(paths.map((path, index) => [path, texts[index] ?? ""]));
}
