import { describe, expect, test } from "bun:test";
import { unhex } from "../../../src/core/hex.ts";
import { nodeCipher } from "../../../src/node/gossip/node-cipher.ts";

/** Test cases 4, 10 and 16 of "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega, appendix B. */
const published = [
  {
    key: "feffe9928665731c6d6a8f9467308308",
    ciphertext:
      "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
    tag: "5bc94fbc3221a5db94fae95ae7121a47",
  },
  {
    key: "feffe9928665731c6d6a8f9467308308feffe9928665731c",
    ciphertext:
      "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
    tag: "2519498e80f1478f37ba55bd6d27618c",
  },
  {
    key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
    ciphertext:
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
    tag: "76fc6ece0f4e1768cddf8853bb2d551b",
  },
];
const nonce = bytes("cafebabefacedbaddecaf888");
const plain = bytes(
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
);
const additional = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
const none = new Uint8Array(0);

describe("nodeCipher", () => {
  test.each(published)("seals and opens the published case of key $key", ({ key, ciphertext, tag }) => {
    const sealed = bytes(ciphertext + tag);
    expect(nodeCipher.seal(bytes(key), nonce, plain, additional)).toEqual(sealed);
    expect<Uint8Array>(
      Uint8Array.from(nodeCipher.open(bytes(key), nonce, sealed, additional) ?? none),
    ).toEqual(plain);
  });

  const key = bytes(published[0]?.key ?? "");

  test("seals nothing as a tag", () => {
    const sealed = nodeCipher.seal(key, nonce, none, none);
    expect(sealed).toHaveLength(16);
    expect(nodeCipher.open(key, nonce, sealed, none)).toHaveLength(0);
  });

  test("opens nothing that is damaged, cut off, or sealed otherwise", () => {
    const sealed = nodeCipher.seal(key, nonce, plain, additional);
    for (const index of [0, 30, sealed.length - 1]) {
      const damaged = sealed.slice();
      damaged[index] = (damaged[index] ?? 0) ^ 1;
      expect(nodeCipher.open(key, nonce, damaged, additional)).toBeUndefined();
    }
    for (const length of [0, 15, 16, sealed.length - 1])
      expect(nodeCipher.open(key, nonce, sealed.subarray(0, length), additional)).toBeUndefined();
    expect(nodeCipher.open(key, nonce, sealed, none)).toBeUndefined();
    expect(
      nodeCipher.open(
        key,
        nonce.map((byte) => byte ^ 1),
        sealed,
        additional,
      ),
    ).toBeUndefined();
    expect(
      nodeCipher.open(
        key.map((byte) => byte ^ 1),
        nonce,
        sealed,
        additional,
      ),
    ).toBeUndefined();
  });

  test("keeps nothing of its arguments", () => {
    const input = plain.slice();
    const sealed = nodeCipher.seal(key, nonce, input, additional);
    const copy = sealed.slice();
    input.fill(0);
    expect(sealed).toEqual(copy);
    const opened = nodeCipher.open(key, nonce, sealed, additional) ?? none;
    sealed.fill(0);
    expect<Uint8Array>(Uint8Array.from(opened)).toEqual(plain);
  });

  test("takes a key of another length for a mistake of this program", () => {
    expect(() => nodeCipher.seal(key.subarray(1), nonce, plain, none)).toThrow("assertion failed");
    expect(() => nodeCipher.open(key.subarray(1), nonce, plain, none)).toThrow("assertion failed");
  });
});

function bytes(text: string): Uint8Array {
  return unhex(text) ?? none;
}
