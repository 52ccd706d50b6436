import { describe, expect, test } from "bun:test";
import { verifyEvidence } from "../../src/client/evidence.ts";
import { LedgerError } from "../../src/core/errors.ts";
import { hex } from "../../src/core/hex.ts";
import { checkpointBody } from "../../src/core/tlog/checkpoint.ts";
import { formatEvidence, leafHash } from "../../src/core/tlog/evidence.ts";
import { headRecord } from "../../src/core/tlog/head-record.ts";
import { formatNote } from "../../src/core/tlog/signed-note.ts";
import { formatVerifierKey, keyIdOf } from "../../src/core/tlog/verifier-key.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/core/utf8.ts";
import { loadHasher } from "../../src/hash/load-hasher.ts";
import { privateKeyOfSeed, rawPublicKey, signEd25519 } from "../../src/node/ed25519.ts";
import { golden, goldenEvidence } from "../support/golden-evidence.ts";

const hasher = await loadHasher();
const { key } = golden;

describe("verifyEvidence()", () => {
  test("returns what golden evidence proves", async () => {
    const proven = await verifyEvidence(golden.evidence, { keys: [key], hasher });
    expect(proven.subject).toMatchObject({
      kind: "entry",
      record: {
        contextId: golden.contextId,
        sequence: 2,
        id: "019b76da9c0070008000000000000002",
        key: "é",
        appendedAtNs: 1767225600000000001n,
        lamport: 42n,
        payloadBytes: 0,
      },
    });
    expect(hex(proven.leaf)).toBe(golden.entries[1]?.content_hash ?? "");
    expect(proven.checkpoint).toMatchObject({ origin: golden.origin, size: 3 });
    expect(hex(proven.checkpoint.root)).toBe(golden.root);
    expect(proven.signers.map(({ name }) => name)).toEqual([golden.origin]);
    expect(proven.unknown).toEqual([]);
    expect({ index: proven.index, generation: proven.generation }).toEqual({ index: 1, generation: 1 });
  });

  test.each([0, 1, 2])("accepts the payload of entry %p and no other", async (index) => {
    const payload = Uint8Array.fromBase64(golden.entries[index]?.entry.payload ?? "");
    const text = goldenEvidence(index);
    await verifyEvidence(text, { keys: [key], payload, hasher });
    const longer = new Uint8Array([...payload, 0]);
    expect(await refusal(text, [key], longer)).toMatchObject({ field: "payload" });
    if (payload.length === 0) return;
    const changed = payload.slice();
    changed[0] = (changed[0] ?? 0) ^ 1;
    expect(await refusal(text, [key], changed)).toMatchObject({ field: "payload" });
  });

  test("refuses evidence with any bit of any byte changed", async () => {
    const bytes = encodeUtf8(golden.evidence);
    const accepted: string[] = [];
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const changed = bytes.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (await accepts(changed)) accepted.push(`bit ${bit & 7} of byte ${bit >> 3}`);
    }
    expect(accepted).toEqual([]);
  });

  test("refuses evidence with any byte missing or doubled, cut short or continued", async () => {
    const bytes = encodeUtf8(golden.evidence);
    const accepted: string[] = [];
    for (let at = 0; at < bytes.length; at += 1) {
      const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
      if (await accepts(Buffer.concat([head, tail.subarray(1)]))) accepted.push(`without byte ${at}`);
      if (await accepts(Buffer.concat([head, tail.subarray(0, 1), tail]))) accepted.push(`twice byte ${at}`);
      if (await accepts(head)) accepted.push(`the first ${at}`);
    }
    if (await accepts(Buffer.concat([bytes, encodeUtf8("\n")]))) accepted.push("one more line");
    expect(accepted).toEqual([]);
  });

  test("says of which log the checkpoint is if no key is of it", async () => {
    const other = formatVerifierKey("ledger.example/n1/other", publicKey(), hasher);
    const found = await refusal(golden.evidence, [other]);
    expect(found).toMatchObject({ reason: "EVIDENCE_MISMATCH", field: "key" });
    expect(found.message).toContain(golden.origin);
    expect(found.message).toContain("ledger.example/n1/other");
    expect(found.message).toContain("converge-ledger key CTX");
  });

  test("refuses another key of the same name", async () => {
    const stranger = formatVerifierKey(golden.origin, new Uint8Array(32).fill(7), hasher);
    expect(await refusal(golden.evidence, [stranger])).toMatchObject({ field: "key" });
    // Beside the right one it does no harm.
    await verifyEvidence(golden.evidence, { keys: [stranger, key], hasher });
  });

  test("refuses without any key", async () => {
    expect(await refusal(golden.evidence, [])).toMatchObject({ field: "key" });
  });

  test("refuses a key that is none", async () => {
    expect(await refusal(golden.evidence, [`${key}x`])).toMatchObject({ reason: "VERIFIER_KEY_INVALID" });
  });

  test("refuses a checkpoint that is well signed and of another context", async () => {
    const origin = "ledger.example/n1/other";
    const checkpoint = signedNote(checkpointBody({ origin, size: 3, root: Uint8Array.fromHex(golden.root) }));
    const text = golden.evidence.slice(0, golden.evidence.indexOf("\n\n") + 2) + checkpoint;
    const found = await refusal(text, [formatVerifierKey(origin, publicKey(), hasher)]);
    expect(found).toMatchObject({ reason: "EVIDENCE_MISMATCH", field: "origin" });
  });

  test("refuses a signature by another key under the right key's id", async () => {
    const body = golden.checkpoint.slice(0, golden.checkpoint.indexOf("\n\n") + 1);
    const signature = signEd25519(privateKeyOfSeed(new Uint8Array(32).fill(9)), encodeUtf8(body));
    const keyId = keyIdOf(golden.origin, publicKey(), hasher);
    const checkpoint = formatNote(body, [{ name: golden.origin, keyId, signature }]);
    const text = golden.evidence.slice(0, golden.evidence.indexOf("\n\n") + 2) + checkpoint;
    expect(await refusal(text, [key])).toMatchObject({ reason: "SIGNATURE_INVALID" });
  });

  test("proves a context's size and root with a checkpoint of the log of logs", async () => {
    const origin = "ledger.example/n1";
    const head = {
      contextId: golden.contextId,
      generation: 1,
      size: 3,
      root: Uint8Array.fromHex(golden.root),
    };
    const record = headRecord(head);
    const leaf = leafHash(record, hasher);
    const checkpoint = signedNote(checkpointBody({ origin, size: 1, root: leaf }));
    const text = formatEvidence({ record, index: 0, hashes: [], checkpoint });
    const nodeKey = formatVerifierKey(origin, publicKey(), hasher);
    const proven = await verifyEvidence(text, { keys: [nodeKey], hasher });
    expect(proven.subject).toEqual({ kind: "context", record: head });
    expect(proven.leaf).toEqual(leaf);
    // The key of a context has another name.
    expect(await refusal(text, [key])).toMatchObject({ field: "key" });
    expect(await refusal(text, [nodeKey], new Uint8Array(0))).toMatchObject({ field: "payload" });
  });
});

async function accepts(bytes: Uint8Array): Promise<boolean> {
  let text: string;
  try {
    text = decodeUtf8(bytes);
  } catch {
    return false;
  }
  try {
    await verifyEvidence(text, { keys: [key], hasher });
    return true;
  } catch (error) {
    if (error instanceof LedgerError) return false;
    throw error;
  }
}

async function refusal(
  text: string,
  keys: readonly string[],
  payload?: Uint8Array,
): Promise<{ message: string; reason: string; field: string | undefined }> {
  try {
    await verifyEvidence(text, { keys, hasher, ...(payload === undefined ? {} : { payload }) });
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    return { message: error.message, reason: error.facts.reason, field: error.facts.field };
  }
  throw new Error("the evidence was accepted");
}

function publicKey(): Uint8Array {
  return rawPublicKey(privateKeyOfSeed(golden.seed));
}

function signedNote(body: string): string {
  const [name = ""] = body.split("\n");
  const signature = signEd25519(privateKeyOfSeed(golden.seed), encodeUtf8(body));
  return formatNote(body, [{ name, keyId: keyIdOf(name, publicKey(), hasher), signature }]);
}
