import { describe, expect, test } from "bun:test";
import { verifyEd25519 } from "../../src/client/ed25519.ts";

/** [RFC 8032, section 7.1](https://www.rfc-editor.org/rfc/rfc8032#section-7.1) */
const published = [
  {
    name: "an empty message",
    publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature:
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    name: "one byte",
    publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature:
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  },
  {
    name: "two bytes",
    publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    message: "af82",
    signature:
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  },
];

describe("verifyEd25519()", () => {
  test.each(published)("accepts the published signature of $name", async (vector) => {
    expect(await verifyEd25519(signed(vector))).toBe(true);
  });

  test("refuses a signature with any bit changed", async () => {
    const vector = signed(published[1] ?? published[0]);
    for (let bit = 0; bit < 8 * vector.signature.length; bit += 1)
      expect(await verifyEd25519({ ...vector, signature: flipped(vector.signature, bit) })).toBe(false);
  });

  test("refuses another message, another key and a signature of another length", async () => {
    const vector = signed(published[2]);
    const other = signed(published[1]);
    expect(await verifyEd25519({ ...vector, message: other.message })).toBe(false);
    expect(await verifyEd25519({ ...vector, publicKey: other.publicKey })).toBe(false);
    expect(await verifyEd25519({ ...vector, signature: vector.signature.subarray(0, 63) })).toBe(false);
    expect(await verifyEd25519({ ...vector, signature: new Uint8Array(0) })).toBe(false);
  });

  test("takes views into larger arrays", async () => {
    const { publicKey, message, signature } = signed(published[1]);
    const all = Buffer.concat([publicKey, message, signature]);
    const views = {
      publicKey: all.subarray(0, 32),
      message: all.subarray(32, 33),
      signature: all.subarray(33),
    };
    expect(await verifyEd25519(views)).toBe(true);
  });
});

function signed(vector: (typeof published)[number] | undefined) {
  const { publicKey = "", message = "", signature = "" } = vector ?? {};
  return {
    publicKey: Uint8Array.fromHex(publicKey),
    message: Uint8Array.fromHex(message),
    signature: Uint8Array.fromHex(signature),
  };
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = bytes.slice();
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return changed;
}
