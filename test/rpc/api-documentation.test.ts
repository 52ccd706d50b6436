import { describe, expect, test } from "bun:test";
import { unlink } from "node:fs/promises";
import { tmpdir } from "node:os";

interface Evidence {
  readonly record: Buffer;
  readonly index: number;
  readonly hashes: readonly Buffer[];
  readonly checkpoint: string;
  readonly vkey: string;
}

/** Returns the function that docs/api.md gives to those who verify by hand. */
async function documentedCheck(): Promise<(evidence: Evidence) => void> {
  const page = await Bun.file(new URL("../../docs/api.md", import.meta.url)).text();
  const [, code = ""] = /^```js\n([^]*?)^```$/m.exec(page) ?? [];
  const path = `${tmpdir()}/converge-ledger-documented-check-${crypto.randomUUID()}.mjs`;
  await Bun.write(path, code);
  try {
    return ((await import(path)) as { check: (evidence: Evidence) => void }).check;
  } finally {
    await unlink(path);
  }
}

/** An evidence file that Go's x/mod/sumdb and Node accept. */
async function goldenEvidence(): Promise<Evidence> {
  const { checkpoint: golden } = (await Bun.file(
    new URL("../vectors/entry-v1.json", import.meta.url),
  ).json()) as { checkpoint: { vkey: string; tlog_proof_index_1: string } };
  const [lines = "", ...checkpoint] = golden.tlog_proof_index_1.split("\n\n");
  const [, extra = "", index = "", ...hashes] = lines.split("\n");
  return {
    record: Buffer.from(extra.slice("extra ".length), "base64"),
    index: Number(index.slice("index ".length)),
    hashes: hashes.map((hash) => Buffer.from(hash, "base64")),
    checkpoint: checkpoint.join("\n\n"),
    vkey: golden.vkey,
  };
}

const check = await documentedCheck();
const golden = await goldenEvidence();

describe("the check in docs/api.md", () => {
  test("accepts what is proven", () => {
    expect(() => check(golden)).not.toThrow();
  });

  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = golden.hashes;
  const flipped = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte, i) => (i === 5 ? byte ^ 1 : byte)));
  test.each<[string, Partial<Evidence>]>([
    ["another record", { record: flipped(golden.record) }],
    ["another index", { index: 0 }],
    ["an index beyond the log", { index: 3 }],
    ["another hash", { hashes: [first, flipped(second)] }],
    ["hashes in another order", { hashes: [second, first] }],
    ["a path that is too short", { hashes: [first] }],
    ["a path that is too long", { hashes: [first, second, second] }],
    ["another size", { checkpoint: golden.checkpoint.replace("\n3\n", "\n4\n") }],
    ["another root", { checkpoint: golden.checkpoint.replace("rvFJ", "rvFK") }],
    ["another signature", { checkpoint: golden.checkpoint.replace("KICqVAB1", "KICqVAB2") }],
    ["the key of another log", { vkey: golden.vkey.replace("n1", "n2") }],
    ["another key", { vkey: golden.vkey.replace("382b6470", "382b6471") }],
  ])("refuses %s", (_, change) => {
    expect(() => check({ ...golden, ...change })).toThrow();
  });
});
