import { describe, expect, test } from "bun:test";
import { LedgerError } from "../../../src/core/errors.ts";
import { limits } from "../../../src/core/limits.ts";
import {
  type EvidenceMismatch,
  type EvidenceOptions,
  formatEvidence,
  type OpenedEvidence,
  openEvidence,
  parseEvidence,
} from "../../../src/core/tlog/evidence.ts";
import { headRecord } from "../../../src/core/tlog/head-record.ts";
import { parseVerifierKey } from "../../../src/core/tlog/verifier-key.ts";
import { decodeUtf8, encodeUtf8 } from "../../../src/core/utf8.ts";
import { verifyEd25519 } from "../../../src/node/ed25519.ts";
import { referenceHasher as hasher } from "../../hash/reference-hasher.ts";
import vectors from "../../vectors/entry-v1.json";
import {
  pathOf,
  sampleCheckpoint,
  sampleContextId,
  sampleEvidence,
  sampleKey,
  sampleOrigin,
  samplePayload,
  sampleRecord,
  signNote,
  vectorEntry,
  verifierKeyOf,
} from "./sample-log.ts";

const { tlog_proof_index_1: vectorFile, vkey } = vectors.checkpoint;
const vectorKey = parseVerifierKey(vkey, hasher);
const key = sampleKey(1);
const otherKey = sampleKey(2);
const verifierKey = verifierKeyOf(key, sampleOrigin);
const otherVerifierKey = verifierKeyOf(otherKey, sampleOrigin);
const records = Array.from({ length: 7 }, (_, i) => sampleRecord(i + 1));

/** Opens a file and verifies its signatures, as who has a file must. */
function check(text: string, options: Omit<EvidenceOptions, "hasher">): OpenedEvidence | EvidenceMismatch {
  const opened = openEvidence(parseEvidence(text), { ...options, hasher });
  if (opened.kind === "mismatch") return opened;
  const isSigned = opened.signatures.every(({ publicKey, message, signature }) =>
    verifyEd25519(publicKey, message, signature),
  );
  return isSigned ? opened : { kind: "mismatch", part: "key", message: "a signature is wrong" };
}

/** Returns undefined if the bytes are refused. */
function accepted(bytes: Uint8Array, options: Omit<EvidenceOptions, "hasher">): OpenedEvidence | undefined {
  let text: string;
  try {
    text = decodeUtf8(bytes);
  } catch {
    return undefined;
  }
  try {
    const checked = check(text, options);
    return checked.kind === "match" ? checked : undefined;
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

describe("the evidence file of the worked example", () => {
  test("is read and written byte for byte", () => {
    expect(formatEvidence(parseEvidence(vectorFile))).toBe(vectorFile);
  });

  test("is accepted with its key and its payload, and says what it shows", () => {
    const { contextId, entry } = vectorEntry(1);
    expect(check(vectorFile, { keys: [vectorKey], payload: entry.payload })).toMatchObject({
      kind: "match",
      index: 1,
      generation: 1,
      checkpoint: { origin: vectors.checkpoint.origin, size: 3 },
      subject: { kind: "entry", record: { contextId, id: entry.id, sequence: 2, lamport: 42n } },
      unknown: [],
    });
  });

  test("is refused with any bit flipped", () => {
    const bytes = encodeUtf8(vectorFile);
    expect(accepted(bytes, { keys: [vectorKey] })).toBeDefined();
    const missed: number[] = [];
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (accepted(flipped, { keys: [vectorKey] }) !== undefined) missed.push(bit);
    }
    expect(missed).toEqual([]);
  });

  test("is refused with any byte removed, doubled or followed by another, and when it ends early", () => {
    const bytes = encodeUtf8(vectorFile);
    const missed: string[] = [];
    for (let at = 0; at < bytes.length; at += 1) {
      const variants = {
        truncated: bytes.slice(0, at),
        removed: Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1)]),
        inserted: Uint8Array.from([...bytes.subarray(0, at), 10, ...bytes.subarray(at)]),
      };
      for (const [name, variant] of Object.entries(variants))
        if (accepted(variant, { keys: [vectorKey] }) !== undefined) missed.push(`${name} at ${at}`);
    }
    for (const tail of ["\n", " ", "\0", "x", "\u2014 x AAAAAAA=", "\uFEFF"])
      if (accepted(encodeUtf8(vectorFile + tail), { keys: [vectorKey] })) missed.push(tail);
    if (accepted(encodeUtf8(`\uFEFF${vectorFile}`), { keys: [vectorKey] })) missed.push("byte-order mark");
    expect(missed).toEqual([]);
  });
});

describe("openEvidence()", () => {
  test("accepts every entry of logs of every size to 7", () => {
    for (let size = 1; size <= records.length; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const file = sampleEvidence(records.slice(0, size), index, [key]);
        const checked = check(file, { keys: [verifierKey], payload: samplePayload(index + 1) });
        expect(checked).toMatchObject({ kind: "match", index, checkpoint: { size } });
      }
    }
  });

  test("reads the generation of a context from the origin", () => {
    const origin = `${sampleOrigin}@3`;
    const file = sampleEvidence(records, 2, [key], origin);
    expect(check(file, { keys: [verifierKeyOf(key, origin)] })).toMatchObject({ generation: 3 });
  });

  test("accepts evidence of the log of logs", () => {
    const origin = "ledger.example/n1";
    const head = { contextId: sampleContextId, generation: 2, size: 9, root: new Uint8Array(32).fill(7) };
    const leaves = [
      headRecord({ ...head, size: 8 }),
      headRecord(head),
      headRecord({ ...head, contextId: "b" }),
    ];
    const file = sampleEvidence(leaves, 1, [key], origin);
    expect(check(file, { keys: [verifierKeyOf(key, origin)] })).toMatchObject({
      kind: "match",
      generation: 2,
      subject: { kind: "context", record: head },
    });
  });

  test("while keys rotate, either key is enough, and both are verified if both are given", () => {
    const file = sampleEvidence(records, 4, [otherKey, key]);
    const id = ({ keyId }: { keyId: number }): string =>
      `${sampleOrigin}+${keyId.toString(16).padStart(8, "0")}`;
    expect(check(file, { keys: [verifierKey] })).toMatchObject({ unknown: [id(otherVerifierKey)] });
    expect(check(file, { keys: [otherVerifierKey] })).toMatchObject({ unknown: [id(verifierKey)] });
    const both = check(file, { keys: [verifierKey, otherVerifierKey] }) as OpenedEvidence;
    expect(both.unknown).toEqual([]);
    expect(both.signatures.map((signature) => signature.key)).toEqual([otherVerifierKey, verifierKey]);
  });

  test("with two signatures any bit flipped is refused, or makes one of them that of an unknown key", () => {
    const bytes = encodeUtf8(sampleEvidence(records, 4, [otherKey, key]));
    const keys = [verifierKey, otherVerifierKey];
    const missed: number[] = [];
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const opened = accepted(flipped, { keys });
      if (opened !== undefined && opened.unknown.length === 0) missed.push(bit);
    }
    expect(missed).toEqual([]);
  });

  test("a signature that does not verify counts even if another key's does", () => {
    const file = sampleEvidence(records, 4, [key]);
    const wrong = signNote("another text\n", sampleOrigin, [otherKey]).split("\n\n")[1] ?? "";
    expect(check(file + wrong, { keys: [verifierKey, otherVerifierKey] })).toMatchObject({ part: "key" });
    expect(check(file + wrong, { keys: [verifierKey] })).toMatchObject({ kind: "match" });
  });

  test.each<[string, EvidenceMismatch["part"], string, Omit<EvidenceOptions, "hasher">, RegExp]>([
    [
      "a record of no known kind",
      "record",
      sampleEvidence([encodeUtf8("x")], 0, [key]),
      { keys: [verifierKey] },
      /^Head record does not begin like one of version 1/,
    ],
    [
      "a record of another context",
      "origin",
      sampleEvidence([sampleRecord(1, "other")], 0, [key]),
      { keys: [verifierKey] },
      /^the record is of context "other", and the checkpoint is of context "audit\/2026 é"$/,
    ],
    [
      "an entry in the log of logs",
      "origin",
      sampleEvidence([sampleRecord(1)], 0, [key], "n1"),
      { keys: [verifierKeyOf(key, "n1")] },
      /^the record is of context "audit\/2026 é", and the checkpoint is of "n1", which is no context's$/,
    ],
    [
      "a head in the log of a context",
      "origin",
      sampleEvidence([headRecord({ contextId: "c", generation: 1, size: 1, root: new Uint8Array(32) })], 0, [
        key,
      ]),
      { keys: [verifierKey] },
      /^the record is of the log of logs, and the checkpoint is of .*, which cannot be one$/,
    ],
    [
      "an entry at another index",
      "index",
      sampleEvidence([sampleRecord(2), sampleRecord(1)], 0, [key]),
      { keys: [verifierKey] },
      /^the record is of entry 2, and the proof is of entry 1$/,
    ],
    [
      "an index beyond the tree",
      "path",
      formatEvidence({
        record: sampleRecord(8),
        index: 7,
        hashes: [],
        checkpoint: sampleCheckpoint(records, [key]),
      }),
      { keys: [verifierKey] },
      /^the proof is of leaf 7, and the tree of the checkpoint has 7$/,
    ],
    [
      "a path to another leaf",
      "path",
      formatEvidence({
        record: records[2] ?? new Uint8Array(0),
        index: 2,
        hashes: pathOf(records, 3),
        checkpoint: sampleCheckpoint(records, [key]),
      }),
      { keys: [verifierKey] },
      /^the record and its 3 hashes do not lead to the root [0-9a-f]{64} of the checkpoint$/,
    ],
    [
      "a path that is too long",
      "path",
      formatEvidence({
        record: records[2] ?? new Uint8Array(0),
        index: 2,
        hashes: [...pathOf(records, 2), new Uint8Array(32)],
        checkpoint: sampleCheckpoint(records, [key]),
      }),
      { keys: [verifierKey] },
      /^the record and its 4 hashes do not lead/,
    ],
    ["no key", "key", sampleEvidence(records, 0, [key]), { keys: [] }, /no key was given$/],
    [
      "the key of another log",
      "key",
      sampleEvidence(records, 0, [key]),
      { keys: [verifierKeyOf(key, "ledger.example/n1")] },
      /^the checkpoint is of .*, and the key is of ledger\.example\/n1$/,
    ],
    [
      "another key of the log",
      "key",
      sampleEvidence(records, 0, [key]),
      { keys: [otherVerifierKey] },
      /^the checkpoint is signed by .*\+[0-9a-f]{8}, and no such key was given$/,
    ],
    [
      "two signatures of one key",
      "key",
      sampleEvidence(records, 0, [key, key]),
      { keys: [verifierKey] },
      /signed twice$/,
    ],
    [
      "a payload of another length",
      "payload",
      sampleEvidence(records, 2, [key]),
      { keys: [verifierKey], payload: samplePayload(2) },
      /^the payload has 2 bytes, the entry's has 3$/,
    ],
    [
      "another payload",
      "payload",
      sampleEvidence(records, 2, [key]),
      { keys: [verifierKey], payload: new Uint8Array(3) },
      /^the payload has SHA-256 [0-9a-f]{64}, the entry's has [0-9a-f]{64}$/,
    ],
    [
      "a payload of a context's head",
      "payload",
      sampleEvidence(
        [headRecord({ contextId: "c", generation: 1, size: 1, root: new Uint8Array(32) })],
        0,
        [key],
        "n1",
      ),
      { keys: [verifierKeyOf(key, "n1")], payload: new Uint8Array(0) },
      /no payload$/,
    ],
  ])("says what does not match: %s", (_, part, file, options, message) => {
    expect(check(file, options)).toEqual({ kind: "mismatch", part, message: expect.stringMatching(message) });
  });
});

describe("parseEvidence()", () => {
  const file = sampleEvidence(records, 4, [key]);
  const [recordLine = ""] = /extra .*\n/.exec(file) ?? [];
  const hashLine = `${Buffer.alloc(32).toString("base64")}\n`;

  test.each([
    ["nothing", "", /no empty line/],
    ["another version", file.replace("@v1", "@v2"), /does not begin/],
    ["no record", file.replace(recordLine, ""), /line 2/],
    ["a record that is not base64", file.replace("extra ", "extra -"), /line 2/],
    ["two records", file.replace(recordLine, recordLine + recordLine), /line 3/],
    ["a record without end", file.replace(recordLine, `extra ${"AAAA".repeat(30_000)}\n`), /record of 90000/],
    ["no index", file.replace("index 4\n", ""), /line 3/],
    ["an index with a leading zero", file.replace("index 4", "index 04"), /line 3/],
    ["an index that is not exact", file.replace("index 4", "index 9007199254740992"), /line 3/],
    ["a negative index", file.replace("index 4", "index -4"), /line 3/],
    ["a short hash", file.replace("index 4\n", "index 4\nAAAA\n"), /line 4/],
    ["too many hashes", file.replace("index 4\n", `index 4\n${hashLine.repeat(54)}`), /hashes, more than 53/],
    ["carriage returns", file.replaceAll("\n", "\r\n"), /empty line/],
    ["too many bytes", file + "x".repeat(limits.evidenceBytesMax), /bytes/],
  ])("refuses %s", (_, text, message) => {
    expect(() => parseEvidence(text)).toThrow(
      expect.objectContaining({
        constructor: LedgerError,
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(message),
        facts: expect.objectContaining({ reason: "EVIDENCE_MALFORMED" }),
      }),
    );
  });

  test("refuses a checkpoint that is none", () => {
    const text = formatEvidence({
      ...parseEvidence(file),
      checkpoint: signNote("a\nb\n", sampleOrigin, [key]),
    });
    expect(() => parseEvidence(text)).toThrow(
      expect.objectContaining({ facts: expect.objectContaining({ reason: "CHECKPOINT_MALFORMED" }) }),
    );
  });

  test("takes evidence as large as it can be", () => {
    const { index, checkpoint } = parseEvidence(file);
    const hashes = Array.from({ length: limits.proofHashesMax }, () => new Uint8Array(32));
    const largest = { record: new Uint8Array(limits.recordBytesMax), index, hashes, checkpoint };
    expect(parseEvidence(formatEvidence(largest))).toEqual(largest);
  });
});
