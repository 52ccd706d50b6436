import { describe, expect, test } from "bun:test";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { checks } from "../../scripts/steps/checks.ts";
import { lintCommand } from "../../scripts/steps/lint.ts";
import { linkTargets } from "../../scripts/steps/links.ts";
import { projectRoot } from "../../scripts/steps/project.ts";
import { capture } from "../../scripts/steps/run.ts";

const timeoutMs = 60_000;

describe("the project's files pass", () => {
  test.each(checks.map((check) => [check.name, check] as const))(
    "%s",
    async (_, check) => {
      expect(await check.findings()).toBe("");
    },
    timeoutMs,
  );
});

test(
  "lint finds a promise that nobody waits for",
  async () => {
    const folder = await mkdtemp(`${tmpdir()}/converge-ledger-lint-`);
    try {
      for (const name of [".oxlintrc.json", "tsconfig.json"]) {
        await Bun.write(`${folder}/${name}`, Bun.file(`${projectRoot}/${name}`));
      }
      await Bun.write(
        `${folder}/src/floating.ts`,
        "async function f(): Promise<void> {}\nexport function g(): void {\n  f();\n}\n",
      );
      await symlink(`${projectRoot}/node_modules`, `${folder}/node_modules`);
      const { command, options } = lintCommand();
      const { exitCode, report } = await capture([...command, "src"], { ...options, cwd: folder });
      expect(report).toContain("no-floating-promises");
      expect(exitCode).toBe(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  timeoutMs,
);

test("linkTargets() returns the paths of links, without fragments and other sites", () => {
  const text = "[a](docs/a.md) [b](b.md#part) [c](https://example.org/c) [d](#part) ![e](e.png)";
  expect(linkTargets(text)).toEqual(["docs/a.md", "b.md", "e.png"]);
});
