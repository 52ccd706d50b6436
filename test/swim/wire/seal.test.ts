import { describe, expect, test } from "bun:test";
import { nodeCipher } from "../../../src/node/gossip/node-cipher.ts";
import { keyringOf } from "../../../src/swim/wire/keyring.ts";
import { open, sealInto, sealOverhead } from "../../../src/swim/wire/seal.ts";
import { bytesOf, seededRandom } from "./codec.ts";
import { pattern } from "./golden.ts";

const keys = [16, 24, 32].map((length) => pattern({ length, seed: length, alphabet: 256 }));
const [key = new Uint8Array(16)] = keys;
const additional = bytesOf("label");
const random = seededRandom(1);
const none = new Uint8Array(0);

function sealed(plain: Uint8Array, withKey = key, knowing = additional): Uint8Array {
  const bytes = new Uint8Array(plain.length + sealOverhead);
  sealInto(bytes, 0, plain, { key: withKey, additional: knowing, cipher: nodeCipher, random });
  return bytes;
}

/** Returns bytes as an Uint8Array, whatever kind of it they are; undefined as it is. */
function opened(plain: Uint8Array | undefined): Uint8Array | undefined {
  return plain && Uint8Array.from(plain);
}

/** Returns `padded` as version 0 seals it. */
function sealedOld(padded: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12).fill(3);
  return bytesOf(0, nonce, nodeCipher.seal(key, nonce, padded, additional));
}

describe("sealing", () => {
  test.each(keys)("opens again with a key of any length", (one) => {
    for (const length of [0, 1, 15, 16, 17, 1400]) {
      const plain = pattern({ length, seed: 1, alphabet: 256 });
      const bytes = sealed(plain, one);
      expect(bytes).toHaveLength(length + 29);
      expect(bytes[0]).toBe(1);
      expect(opened(open(bytes, additional, keyringOf([one]), nodeCipher))).toEqual(plain);
    }
  });

  test("is never the same twice", () => {
    expect(sealed(bytesOf("a"))).not.toEqual(sealed(bytesOf("a")));
  });

  test("opens with any key of the ring, and not without its own", () => {
    const bytes = sealed(bytesOf("abc"), keys[2]);
    expect(opened(open(bytes, additional, keyringOf(keys), nodeCipher))).toEqual(bytesOf("abc"));
    expect(open(bytes, additional, keyringOf(keys.slice(0, 2)), nodeCipher)).toBeUndefined();
    expect(open(bytes, additional, keyringOf([]), nodeCipher)).toBeUndefined();
  });

  test("does not open with other additional data, and with no byte changed or missing", () => {
    const ring = keyringOf([key]);
    const bytes = sealed(bytesOf("abc"));
    expect(open(bytes, none, ring, nodeCipher)).toBeUndefined();
    for (let index = 0; index < bytes.length; index++) {
      const damaged = bytes.slice();
      damaged[index] = (damaged[index] ?? 0) ^ 0x80;
      expect(open(damaged, additional, ring, nodeCipher)).toBeUndefined();
      expect(open(bytes.subarray(0, index), additional, ring, nodeCipher)).toBeUndefined();
    }
  });

  test("of version 0 is opened for every padding", () => {
    for (let length = 0; length <= 48; length++) {
      const plain = new Uint8Array(length).fill(7);
      const padding = 16 - (length % 16);
      const bytes = sealedOld(bytesOf(plain, new Uint8Array(padding).fill(padding)));
      expect(opened(open(bytes, additional, keyringOf([key]), nodeCipher))).toEqual(plain);
    }
  });

  test.each([
    ["no padding at all", none],
    ["a length that is no multiple of 16", new Uint8Array(15).fill(1)],
    ["a padding of 0", new Uint8Array(16)],
    ["a padding of 17", new Uint8Array(32).fill(17)],
    ["a padding longer than the content", new Uint8Array(16).fill(255)],
    ["a padding of unequal bytes", bytesOf(new Uint8Array(14), 3, 2)],
  ])("of version 0 with %s is not opened", (_, padded) => {
    expect(open(sealedOld(padded), additional, keyringOf([key]), nodeCipher)).toBeUndefined();
  });

  test("of version 2 is not opened", () => {
    const bytes = sealed(bytesOf("abc"));
    bytes[0] = 2;
    expect(open(bytes, additional, keyringOf([key]), nodeCipher)).toBeUndefined();
  });
});
