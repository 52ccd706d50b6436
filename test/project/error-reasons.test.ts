import { expect, test } from "bun:test";
import { readSources } from "../support/source-files.ts";

test("docs/api.md names every reason that an error can have, and no other", async () => {
  const sources = await readSources("src");
  const used = new Set<string>();
  for (const { path, text } of sources) {
    if (/^src\/(?:cli|client|config)/.test(path)) continue;
    for (const [, reason] of text.matchAll(/reason: "([A-Z][A-Z0-9_]+)"/g)) used.add(reason ?? "");
  }
  // These two are made from the name of the field.
  for (const field of ["CONTEXT_ID", "KEY"])
    for (const fault of ["MISSING", "CONTROL_CHARACTER"]) used.add(`${field}_${fault}`);
  for (const field of ["CONTEXT_ID", "KEY", "METADATA", "IDEMPOTENCY_KEY"]) used.add(`${field}_TOO_LONG`);

  const page = await Bun.file("docs/api.md").text();
  const table = /\| code[^]*?\n\n/.exec(page.slice(page.indexOf("## Errors")))?.[0] ?? "";
  const documented = new Set(
    [...table.matchAll(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|\bOVERLOADED\b|\bINTERNAL\b|\bDEPOSED\b/g)].map(
      ([reason]) => reason,
    ),
  );
  const codes = new Set([
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "FAILED_PRECONDITION",
    "OUT_OF_RANGE",
    "RESOURCE_EXHAUSTED",
    "DEADLINE_EXCEEDED",
    "DATA_LOSS",
  ]);
  expect([...documented].filter((reason) => !codes.has(reason)).sort()).toEqual([...used].sort());
});
