import { describe, expect, test } from "bun:test";
import { LedgerError } from "../../../src/core/errors.ts";
import { formatVerifierKey, keyIdOf, parseVerifierKey } from "../../../src/core/tlog/verifier-key.ts";
import { privateKeyOfSeed, rawPublicKey } from "../../../src/node/ed25519.ts";
import { referenceHasher } from "../../hash/reference-hasher.ts";
import vectors from "../../vectors/entry-v1.json";

const { origin, vkey, ed25519_seed } = vectors.checkpoint;
const publicKey = rawPublicKey(privateKeyOfSeed(new Uint8Array(Buffer.from(ed25519_seed, "hex"))));

describe("verifier keys", () => {
  test("formatVerifierKey() writes the one of the worked example, and parseVerifierKey() reads it", () => {
    expect(formatVerifierKey(origin, publicKey, referenceHasher)).toBe(vkey);
    expect(parseVerifierKey(vkey, referenceHasher)).toEqual({
      name: origin,
      keyId: 0x38_2b_64_70,
      publicKey,
    });
    expect(keyIdOf(origin, publicKey, referenceHasher)).toBe(0x38_2b_64_70);
  });

  // Its name and key are those of the documentation of golang.org/x/mod/sumdb/note.
  test("parseVerifierKey() reads a key that Go made", () => {
    const text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    expect(parseVerifierKey(text, referenceHasher)).toMatchObject({
      name: "PeterNeumann",
      keyId: 0xc7_4f_20_a3,
    });
  });

  test("a key whose base64 has a plus survives", () => {
    const plus = new Uint8Array(32).fill(0xfb);
    const text = formatVerifierKey("n", plus, referenceHasher);
    expect(text.split("+").length).toBeGreaterThan(3);
    expect(parseVerifierKey(text, referenceHasher).publicKey).toEqual(plus);
  });

  test.each([
    ["nothing", ""],
    ["a name alone", origin],
    ["no key", `${origin}+382b6470`],
    ["an empty name", vkey.slice(origin.length)],
    ["a space in the name", `a ${vkey}`],
    ["a line break at its end", `${vkey}\n`],
    ["another name", `x${vkey}`],
    ["an upper-case key id", vkey.replace("382b6470", "382B6470")],
    ["another key id", vkey.replace("382b6470", "382b6471")],
    ["a short key id", vkey.replace("382b6470", "382b647")],
    ["another type", vkey.replace("+AQ", "+BA")],
    ["a shorter key", vkey.slice(0, -4)],
    ["a bit that no byte has", vkey.replace(/4$/, "5")],
    ["a name without end", `${"a".repeat(5000)}${vkey}`],
  ])("parseVerifierKey() refuses %s", (_, text) => {
    expect(() => parseVerifierKey(text, referenceHasher)).toThrow(
      expect.objectContaining({
        constructor: LedgerError,
        code: "INVALID_ARGUMENT",
        facts: expect.objectContaining({ reason: "VERIFIER_KEY_INVALID", field: "key" }),
      }),
    );
  });

  test("every character of a key counts", () => {
    for (let i = 0; i < vkey.length; i += 1) {
      for (const char of "A0a+/= %") {
        if (vkey[i] === char) continue;
        const text = vkey.slice(0, i) + char + vkey.slice(i + 1);
        expect(() => parseVerifierKey(text, referenceHasher)).toThrow(LedgerError);
      }
    }
  });
});
