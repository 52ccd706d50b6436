/**
 * Who may import whom: the table of docs/architecture.md. `import type` counts like any other.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { posix } from "node:path";
import { codeOf, readSources, referencesOf } from "../support/source-files.ts";

interface Rule {
  /** Folders of src, or single files. */
  readonly mayUse: readonly string[];
  /** Packages; a name that ends with / or : stands for all that begin like it. */
  readonly packages: readonly string[];
}

const none: readonly string[] = [];
const connect = ["@bufbuild/protobuf", "@bufbuild/protobuf/", "@connectrpc/connect", "@connectrpc/connect/"];

const rules: Readonly<Record<string, Rule>> = {
  core: { mayUse: none, packages: none },
  swim: { mayUse: ["core"], packages: none },
  sync: { mayUse: ["core"], packages: none },
  supervisor: { mayUse: ["core"], packages: none },
  hash: { mayUse: ["core"], packages: ["hash-wasm"] },
  ledger: { mayUse: ["core"], packages: none },
  store: { mayUse: ["core", "ledger/ports.ts"], packages: ["bun:sqlite", "node:"] },
  node: {
    mayUse: ["core", "swim", "sync", "ledger", "supervisor", "gen"],
    packages: [...connect, "@logtape/logtape", "node:"],
  },
  rpc: {
    mayUse: ["core", "sync", "ledger", "gen"],
    packages: [...connect, "@connectrpc/connect-node", "hono", "hono/", "node:"],
  },
  client: { mayUse: ["core", "hash", "gen"], packages: [...connect, "@connectrpc/connect-web"] },
  console: { mayUse: ["core", "hash", "gen"], packages: [...connect, "@connectrpc/connect-web"] },
  // The flags of serve and config are the table of settings, which itself uses core alone.
  cli: {
    mayUse: ["core", "client", "gen", "config.ts", "config"],
    packages: [...connect, "@connectrpc/connect-node", "commander", "node:"],
  },
  config: { mayUse: ["core"], packages: none },
  server: {
    mayUse: ["core", "config.ts", "hash", "swim", "sync", "ledger", "store", "supervisor", "node", "rpc"],
    packages: ["node:"],
  },
};

/** main.ts puts the parts together; only what is generated is none of its business. */
const composition: Rule = {
  mayUse: [...Object.keys(rules), "config.ts"],
  packages: ["@logtape/logtape", "node:"],
};

/** Files with more freedom than their folder, or less. */
const exceptions: Readonly<Record<string, (reference: string) => boolean>> = {
  "src/client": (reference) => !reference.startsWith("src/hash/native.ts"),
  "src/console": (reference) => !reference.startsWith("src/hash/native.ts"),
};

const sources = await readSources("src");

describe("imports stay within the table", () => {
  for (const folder of [...Object.keys(rules), "main.ts", "config.ts"]) {
    test(`src/${folder}`, () => {
      const own = sources.filter(({ path }) => path === `src/${folder}` || path.startsWith(`src/${folder}/`));
      expect(own.flatMap(({ path, text }) => violations(path, text))).toEqual([]);
    });
  }

  test("every file of src belongs to a row of the table", () => {
    const known = new Set([...Object.keys(rules), "main.ts", "config.ts"]);
    expect(sources.map(({ path }) => path).filter((path) => !known.has(path.split("/")[1] ?? ""))).toEqual(
      [],
    );
  });
});

describe("the check itself sees", () => {
  test.each([
    ["a value import", "src/core/a.ts", 'import { b } from "../ledger/b.ts";'],
    ["a type import", "src/core/a.ts", 'import type { B } from "../ledger/b.ts";'],
    ["an import of several lines", "src/core/a.ts", 'import {\n  b,\n} from "../ledger/b.ts";'],
    ["an export from", "src/core/a.ts", 'export { b } from "../ledger/b.ts";'],
    ["an import for its effects", "src/core/a.ts", 'import "../ledger/b.ts";'],
    ["a dynamic import", "src/core/a.ts", 'const b = await import("../ledger/b.ts");'],
    ["the type of a dynamic import", "src/core/a.ts", 'type B = import("../ledger/b.ts").B;'],
    ["the URL of a worker", "src/core/a.ts", 'new Worker(new URL("../store/w.ts", import.meta.url));'],
    ["a built-in module", "src/core/a.ts", 'import { readFile } from "node:fs";'],
    ["a package", "src/core/a.ts", 'import { Hono } from "hono";'],
    ["more of the ledger than its ports", "src/store/a.ts", 'import { b } from "../ledger/appender.ts";'],
    ["native hashing in the client", "src/client/a.ts", 'import { b } from "../hash/native.ts";'],
  ])("%s", (_, path, text) => {
    expect(violations(path, text)).toHaveLength(1);
  });

  test("no violation in a comment", () => {
    expect(
      violations("src/core/a.ts", '/**\n * import { b } from "../ledger/b.ts";\n */\n// import "hono"'),
    ).toEqual([]);
  });
});

/** Words that bring in time, chance, input and output, or another turn of the event loop. */
const world =
  /\b(?:Date|setTimeout|setInterval|setImmediate|queueMicrotask|performance|process|Bun|globalThis|fetch|console|crypto|WebSocket|Worker)\b|\bMath\.random\b/;
const turns = /\b(?:async|await|Promise)\b/;

describe("pure folders", () => {
  test.each(["src/core", "src/swim", "src/sync"])(
    "%s is synchronous and takes its world as arguments",
    (folder) => {
      const found = sources.filter(
        ({ path, code }) => path.startsWith(`${folder}/`) && (world.test(code) || turns.test(code)),
      );
      expect(found.map(({ path }) => path)).toEqual([]);
    },
  );

  test("src/ledger takes time, chance and storage through its ports", () => {
    const found = sources.filter(({ path, code }) => path.startsWith("src/ledger/") && world.test(code));
    expect(found.map(({ path }) => path)).toEqual([]);
  });

  test.each([
    ["const now = Date.now();", true],
    ["const x = Math.random();", true],
    ["const text = `${Date.now()}`;", true],
    ["// Date and process", false],
    ['const text = "the Date of a process";', false],
    ["const text = `the Date of a process ${id}`;", false],
    ["const pattern = /process/;", false],
  ])("%p: %p", (text, isWorld) => {
    expect(world.test(codeOf(text))).toBe(isWorld);
  });
});

test("only main.ts reads the process", () => {
  const found = sources.filter(
    ({ path, code }) => path !== "src/main.ts" && /\bprocess\.(?:env|argv|exit|on)\b/.test(code),
  );
  expect(found.map(({ path }) => path)).toEqual([]);
});

test("the client uses nothing that browsers do not have", () => {
  const found = sources.filter(
    ({ path, code }) => path.startsWith("src/client/") && /\b(?:Bun|process|Buffer)\b/.test(code),
  );
  expect(found.map(({ path }) => path)).toEqual([]);
});

function violations(path: string, text: string): string[] {
  const top = path.split("/")[1] ?? "";
  const rule =
    rules[top] ?? (top === "config.ts" ? { mayUse: ["core", "config"], packages: none } : composition);
  const forbids = Object.entries(exceptions).find(([prefix]) => path.startsWith(`${prefix}/`))?.[1];
  return referencesOf(text)
    .map((reference) => (reference.startsWith(".") ? posix.join(posix.dirname(path), reference) : reference))
    .filter((reference) => !allowed(reference, top, rule) || forbids?.(reference) === false)
    .map((reference) => `${path} uses ${reference}`);
}

function allowed(reference: string, top: string, rule: Rule): boolean {
  if (!reference.startsWith("src/")) {
    return rule.packages.some(
      (name) => reference === name || (/[/:]$/.test(name) && reference.startsWith(name)),
    );
  }
  const inside = reference.slice("src/".length);
  return [top, ...rule.mayUse].some((target) => inside === target || inside.startsWith(`${target}/`));
}
