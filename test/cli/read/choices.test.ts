import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { parseEntryName } from "../../../src/cli/read/entry-name.ts";
import { readKeyOptions } from "../../../src/cli/read/key-options.ts";
import { proofChoice } from "../../../src/cli/read/proof-choice.ts";
import { verifyChoice, type VerifyFlags } from "../../../src/cli/read/verify-choice.ts";
import { UsageError } from "../../../src/cli/usage-error.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import { golden } from "../../support/golden-evidence.ts";

const hasher = await loadHasher();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(`${tmpdir()}/converge-ledger-choices-`);
  await Bun.write(`${folder}/x.tlog-proof`, "anything");
  await Bun.write(`${folder}/renamed`, golden.evidence);
  await Bun.write(`${folder}/other`, "something else");
  await Bun.write(`${folder}/keys`, `# ours\n\n${golden.key}\n`);
  await Bun.write(`${folder}/empty`, "# nothing\n");
  await Bun.write(`${folder}/bad`, `${golden.key}\nnonsense\n`);
});

afterAll(() => rm(folder, { recursive: true }));

describe("parseEntryName()", () => {
  test.each([
    ["demo@7", { contextId: "demo", sequence: 7n }],
    ["demo", { contextId: "demo" }],
    ["a@b", { contextId: "a@b" }],
    ["a@b@12", { contextId: "a@b", sequence: 12n }],
    ["a@1@2", { contextId: "a@1", sequence: 2n }],
    ["mail@host.example", { contextId: "mail@host.example" }],
    ["@5", { contextId: "@5" }],
    ["a@", { contextId: "a@" }],
    ["a\nb@3", { contextId: "a\nb", sequence: 3n }],
    ["d@9007199254740991", { contextId: "d", sequence: 9007199254740991n }],
  ])("%p", (text, expected) => {
    expect(parseEntryName(text)).toEqual(expected);
  });

  test.each(["a@0", "a@9007199254740992", "a@99999999999999999999999"])("refuses %p", (text) => {
    expect(() => parseEntryName(text)).toThrow(UsageError);
  });
});

describe("proofChoice()", () => {
  test.each([
    ["a@2", {}, { kind: "entry", contextId: "a", sequence: 2n }],
    ["a", {}, { kind: "entry", contextId: "a" }],
    ["a@2", { newest: true }, { kind: "entry", contextId: "a@2" }],
    ["a@2", { node: true }, { kind: "context", contextId: "a@2" }],
    ["a@2", { from: 1n, to: 3n }, { kind: "growth", contextId: "a@2", from: 1n, to: 3n }],
    ["a", { from: 0n }, { kind: "growth", contextId: "a", from: 0n }],
    [undefined, { node: true, from: 1n }, { kind: "growth", from: 1n }],
  ] as const)("%p with %p", (name, options, expected) => {
    expect(proofChoice(name, options)).toEqual(expected);
  });

  test.each([
    [undefined, {}, "missing CTX@SEQ"],
    ["", {}, "missing CTX@SEQ"],
    [undefined, { node: true }, "missing CTX@SEQ"],
    ["a", { to: 3n }, "--to needs --from"],
    ["a", { newest: true, node: true }, "exclude each other"],
    ["a", { newest: true, from: 1n }, "exclude each other"],
    ["a", { from: 3n, to: 2n }, "less than"],
    ["a", { node: true, from: 1n }, "not both"],
    [undefined, { from: 1n }, "missing CTX"],
  ] as const)("refuses %p with %p", (name, options, message) => {
    expect(() => proofChoice(name, options)).toThrow(message);
    expect(() => proofChoice(name, options)).toThrow(UsageError);
  });
});

describe("verifyChoice()", () => {
  const key = ["k"];
  test.each<[string | undefined, VerifyFlags, object]>([
    ["demo", {}, { kind: "log", contextId: "demo" }],
    ["other", {}, { kind: "log", contextId: "other" }],
    ["x.tlog-proof", { context: true }, { kind: "log", contextId: "x.tlog-proof" }],
    ["x.tlog-proof", { key }, { kind: "evidence", file: "x.tlog-proof", keys: key }],
    ["renamed", { key }, { kind: "evidence", file: "renamed", keys: key }],
    ["missing", { key }, { kind: "evidence", file: "missing", keys: key }],
    ["-", { key, payload: "p" }, { kind: "evidence", file: "-", keys: key, payload: "p" }],
    [undefined, { node: true }, { kind: "log" }],
    [undefined, { data: "d" }, { kind: "data", directory: "d" }],
    [
      undefined,
      { old: "a", new: "b", key, proof: "c" },
      { kind: "checkpoints", old: "a", new: "b", keys: key, proof: "c" },
    ],
  ])("%p with %p", async (target, flags, expected) => {
    const choice = await verifyChoice(target === undefined ? undefined : inFolder(target), flags);
    expect(JSON.parse(JSON.stringify(choice).replaceAll(`${folder}/`, ""))).toEqual(expected);
  });

  test.each<[string | undefined, VerifyFlags, string]>([
    [undefined, {}, "missing FILE or CTX"],
    ["", {}, "empty"],
    ["demo", { data: "d" }, "exclude each other"],
    ["demo", { node: true }, "exclude each other"],
    [undefined, { node: true, data: "d" }, "exclude each other"],
    ["demo", { file: true, context: true, key }, "exclude each other"],
    [undefined, { file: true, data: "d" }, "needs the argument"],
    ["x.tlog-proof", {}, "missing --key"],
    ["x.tlog-proof", {}, "use --context"],
    ["renamed", {}, "missing --key"],
    ["-", {}, "missing --key"],
    ["demo", { file: true }, "missing --key"],
    ["demo", { payload: "p" }, "missing --key"],
    ["missing.tlog-proof", {}, "there is no such file"],
    ["demo", { context: true, key }, "--key belongs to"],
    ["demo", { context: true, payload: "p" }, "--payload belongs to"],
    ["-", { key, payload: "-" }, "standard input"],
    [undefined, { data: "d", key }, "--key belongs to"],
    [undefined, { node: true, payload: "p" }, "--payload belongs to"],
    ["demo", { proof: "p" }, "--proof belongs to"],
    [undefined, { old: "a", key }, "--old needs --new"],
    [undefined, { new: "a", key }, "--new needs --old"],
    [undefined, { old: "a", new: "b" }, "missing --key"],
    [undefined, { old: "a", new: "b", key, payload: "p" }, "--payload belongs to"],
  ])("refuses %p with %p: %s", async (target, flags, message) => {
    const refused = verifyChoice(target === undefined ? undefined : inFolder(target), flags);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toBeInstanceOf(UsageError);
  });

  /** Names of files; contexts have none. */
  function inFolder(target: string): string {
    return ["x.tlog-proof", "renamed", "other", "missing", "missing.tlog-proof"].includes(target)
      ? `${folder}/${target}`
      : target;
  }
});

describe("readKeyOptions()", () => {
  test("takes keys, several lines of them, and files with an @ or without", async () => {
    const { key } = golden;
    expect(await readKeyOptions([key], hasher)).toEqual([key]);
    expect(await readKeyOptions([`${key}\n${key}`, `${folder}/keys`, `@${folder}/keys`], hasher)).toEqual(
      Array.from({ length: 4 }, () => key),
    );
  });

  test.each([
    ["nonsense", "no verifier key"],
    ["", "no verifier key"],
    ["missing", "ENOENT"],
    ["empty", "has no verifier key"],
    ["bad", 'verifier key "nonsense" is not'],
  ])("refuses %p", async (value, message) => {
    const refused = readKeyOptions([value === "" ? "" : `${folder}/${value}`], hasher);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toBeInstanceOf(UsageError);
  });
});
