import { describe, expect, test } from "bun:test";
import { assert } from "../../src/core/assert.ts";
import { LedgerError } from "../../src/core/errors.ts";
import { checkpointBody } from "../../src/core/tlog/checkpoint.ts";
import { parseNote } from "../../src/core/tlog/signed-note.ts";
import { parseVerifierKey } from "../../src/core/tlog/verifier-key.ts";
import { encodeUtf8 } from "../../src/core/utf8.ts";
import { createCheckpointSigner } from "../../src/node/checkpoint-signer.ts";
import { type NodeKeySet, signingKey } from "../../src/node/ed25519-key-text.ts";
import { privateKeyOfSeed, rawPublicKey, verifyEd25519 } from "../../src/node/ed25519.ts";
import { referenceHasher as hasher } from "../hash/reference-hasher.ts";
import vectors from "../vectors/entry-v1.json";

const { origin, note, vkey, ed25519_seed } = vectors.checkpoint;
const body = checkpointBody({
  origin,
  size: 3,
  root: new Uint8Array(Buffer.from(vectors.rfc6962.roots[3] ?? "", "hex")),
});
const vectorKey = signingKey(privateKeyOfSeed(new Uint8Array(Buffer.from(ed25519_seed, "hex"))));
const newKey = signingKey(privateKeyOfSeed(new Uint8Array(32).fill(9)));
const oldKey = signingKey(privateKeyOfSeed(new Uint8Array(32).fill(8)));

function signerOf(keys: NodeKeySet): ReturnType<typeof createCheckpointSigner> {
  return createCheckpointSigner({ logName: "ledger.example/n1", keys: { current: () => keys }, hasher });
}

describe("createCheckpointSigner()", () => {
  test("signs the worked example byte for byte", async () => {
    const signer = signerOf({ active: [vectorKey], retired: [] });
    expect(await signer.sign(origin, body)).toBe(note);
    expect(await signer.verifierKeys(origin)).toEqual([vkey]);
    expect(signer.logName).toBe("ledger.example/n1");
  });

  test("signs with every active key once, newest first, and names the retired ones after them", async () => {
    const signer = signerOf({ active: [newKey, vectorKey], retired: [oldKey.publicKey] });
    const { text, signatures } = parseNote(await signer.sign(origin, body));
    const keys = (await signer.verifierKeys(origin)).map((key) => parseVerifierKey(key, hasher));
    expect(keys.map(({ publicKey }) => publicKey)).toEqual(
      [newKey, vectorKey, oldKey].map(({ publicKey }) => publicKey),
    );
    expect(signatures.map(({ name, keyId }) => [name, keyId])).toEqual(
      keys.slice(0, 2).map(({ name, keyId }) => [name, keyId]),
    );
    const message = encodeUtf8(text);
    const valid = signatures.map(({ signature }, i) =>
      verifyEd25519(keys[i]?.publicKey ?? new Uint8Array(32), message, signature),
    );
    expect(valid).toEqual([true, true]);
  });

  test("rejects with what the keys say if they cannot be read", async () => {
    const error = new LedgerError("FAILED_PRECONDITION", "node.key is damaged", {
      reason: "NODE_KEY_DAMAGED",
    });
    const keys = {
      current(): NodeKeySet {
        throw error;
      },
    };
    const signer = createCheckpointSigner({ logName: "n", keys, hasher });
    await expect(signer.sign("n", "n\n0\n")).rejects.toBe(error);
    await expect(signer.verifierKeys("n")).rejects.toBe(error);
  });

  test("refuses a log name that is none", () => {
    const keys = { current: (): NodeKeySet => ({ active: [vectorKey], retired: [] }) };
    expect(() => createCheckpointSigner({ logName: "a b", keys, hasher })).toThrow(LedgerError);
  });
});

describe("verifyEd25519()", () => {
  // https://www.rfc-editor.org/rfc/rfc8032#section-7.1
  const published = [
    [
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
  ].map(
    (row) =>
      row.map((text) => new Uint8Array(Buffer.from(text, "hex"))) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ],
  );

  test("accepts the published signatures, whose public keys rawPublicKey() finds", () => {
    for (const [seed, publicKey, message, signature] of published) {
      expect(rawPublicKey(privateKeyOfSeed(seed))).toEqual(publicKey);
      expect(verifyEd25519(publicKey, message, signature)).toBe(true);
    }
  });

  test("refuses any flipped bit, any other length and keys that are no points", () => {
    const [second] = published.slice(1);
    assert(second !== undefined, "there are two published signatures");
    const [, publicKey, message, signature] = second;
    for (let bit = 0; bit < 512; bit += 1) {
      const flipped = signature.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verifyEd25519(publicKey, message, flipped)).toBe(false);
    }
    expect(verifyEd25519(publicKey, message, signature.slice(1))).toBe(false);
    expect(verifyEd25519(publicKey, message, new Uint8Array([...signature, 0]))).toBe(false);
    expect(verifyEd25519(new Uint8Array(32).fill(0xff), message, signature)).toBe(false);
  });
});
