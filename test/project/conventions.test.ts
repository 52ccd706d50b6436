import { describe, expect, test } from "bun:test";
import { projectRoot } from "../../scripts/steps/project.ts";
import { readSources } from "../support/source-files.ts";

const linesMax = 400;
const sources = [
  ...(await readSources("src")),
  ...(await readSources("scripts")),
  ...(await readSources("test")),
];

describe("source files", () => {
  test("have no default exports", () => {
    expect(
      paths(
        ({ path, code }) => !path.endsWith(".d.ts") && /\bexport\s+default\b|\bas\s+default\b/.test(code),
      ),
    ).toEqual([]);
  });

  test(`have at most ${linesMax} lines, tests twice as many`, () => {
    const bound = (path: string): number => (path.startsWith("test/") ? 2 * linesMax : linesMax);
    expect(paths(({ path, text }) => text.split("\n").length > bound(path))).toEqual([]);
  });

  test("have names of lower-case words and hyphens that say more than utils", () => {
    const good = /^(?:[a-z0-9]+(?:-[a-z0-9]+)*)(?:\.[a-z]+)*\.ts$/;
    const vague = /^(?:utils?|helpers?|common|types|misc)\.ts$/;
    expect(paths(({ path }) => !good.test(name(path)) || vague.test(name(path)))).toEqual([]);
  });

  test("name the extension of the modules they import", () => {
    expect(
      paths(({ text }) => /\bfrom "\.[^"]*(?<!\.ts|\.json|\.sql|\.wasm|\.html|\.css)"/.test(text)),
    ).toEqual([]);
  });
});

const manifest: {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
} = await Bun.file(`${projectRoot}/package.json`).json();

describe("package.json", () => {
  test("pins every package to one version", () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  test("runs every script with the Bun whose types it has", async () => {
    const bun = `bun@${manifest.devDependencies["@types/bun"]}`;
    for (const command of Object.values(manifest.scripts)) expect(command.split(" ")).toContain(bun);
    expect(`bun@${Bun.version}`).toBe(bun);
  });

  test("names scripts that exist", async () => {
    const files = Object.values(manifest.scripts).map((command) => command.split(" ").at(-1) ?? "");
    const missing = [];
    for (const file of files) if (!(await Bun.file(`${projectRoot}/${file}`).exists())) missing.push(file);
    expect(missing).toEqual([]);
  });
});

function paths(matches: (source: (typeof sources)[number]) => boolean): string[] {
  return sources.filter(matches).map(({ path }) => path);
}

function name(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
