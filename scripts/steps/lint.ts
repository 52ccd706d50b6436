import { createRequire } from "node:module";
import { bun } from "./project.ts";
import type { RunOptions } from "./run.ts";

/** Returns how to lint a folder. The launchers of oxlint and of its type-aware half need Node; this needs only Bun. */
export function lintCommand(): { readonly command: readonly string[]; readonly options: RunOptions } {
  const here = createRequire(import.meta.url);
  const oxlint = here.resolve("oxlint/package.json").replace(/package\.json$/, "bin/oxlint");
  const binary = `tsgolint${process.platform === "win32" ? ".exe" : ""}`;
  const OXLINT_TSGOLINT_PATH = createRequire(here.resolve("oxlint-tsgolint/package.json")).resolve(
    `@oxlint-tsgolint/${process.platform}-${process.arch}/${binary}`,
  );
  return { command: [bun, oxlint, "--deny-warnings"], options: { env: { OXLINT_TSGOLINT_PATH } } };
}
