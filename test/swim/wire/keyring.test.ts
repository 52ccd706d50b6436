import { describe, expect, test } from "bun:test";
import { LedgerError } from "../../../src/core/errors.ts";
import { limits } from "../../../src/core/limits.ts";
import { addKey, emptyKeyring, keyringOf, removeKey, useKey } from "../../../src/swim/wire/keyring.ts";

const key = (byte: number, length = 32) => new Uint8Array(length).fill(byte);
const full = keyringOf(Array.from({ length: limits.gossipKeysMax }, (_, byte) => key(byte)));

describe("a keyring", () => {
  test("keyringOf() has the first key as primary, and none twice", () => {
    expect(keyringOf([key(1), key(2, 16), key(1), key(3, 24)]).keys).toEqual([
      key(1),
      key(2, 16),
      key(3, 24),
    ]);
  });

  test("addKey() puts a key behind the others and leaves the old ring as it was", () => {
    const ring = keyringOf([key(1)]);
    expect(addKey(ring, key(2)).keys).toEqual([key(1), key(2)]);
    expect(ring.keys).toEqual([key(1)]);
    expect(addKey(emptyKeyring, key(2)).keys).toEqual([key(2)]);
  });

  test("addKey() of a key that is there changes nothing, even if the ring is full", () => {
    expect(addKey(full, key(3))).toBe(full);
  });

  test.each([Buffer.alloc(32, 7), new Uint8Array(32).fill(7)])("addKey() keeps a copy", (mine) => {
    const ring = addKey(emptyKeyring, mine);
    mine.fill(0);
    expect(ring.keys).toEqual([key(7)]);
  });

  test("useKey() makes a key the primary", () => {
    const ring = keyringOf([key(1), key(2), key(3)]);
    expect(useKey(ring, key(3)).keys).toEqual([key(3), key(1), key(2)]);
    expect(useKey(ring, key(1)).keys).toEqual(ring.keys);
  });

  test("removeKey() takes a key off that is not the primary", () => {
    expect(removeKey(keyringOf([key(1), key(2), key(3)]), key(2)).keys).toEqual([key(1), key(3)]);
  });

  const ring = keyringOf([key(0xa1), key(0xa2)]);
  test.each([
    ["a key of 15 bytes", () => addKey(ring, key(0xa3, 15)), "INVALID_ARGUMENT", "GOSSIP_KEY_LENGTH"],
    ["an empty key", () => keyringOf([key(1), key(1, 0)]), "INVALID_ARGUMENT", "GOSSIP_KEY_LENGTH"],
    ["a key of 33 bytes", () => addKey(ring, key(0xa3, 33)), "INVALID_ARGUMENT", "GOSSIP_KEY_LENGTH"],
    ["one key too many", () => addKey(full, key(0xa3)), "RESOURCE_EXHAUSTED", "GOSSIP_KEYS_TOO_MANY"],
    ["using an unknown key", () => useKey(ring, key(0xa3)), "NOT_FOUND", "GOSSIP_KEY_UNKNOWN"],
    ["removing an unknown key", () => removeKey(ring, key(0xa1, 16)), "NOT_FOUND", "GOSSIP_KEY_UNKNOWN"],
    ["removing the primary", () => removeKey(ring, key(0xa1)), "FAILED_PRECONDITION", "GOSSIP_KEY_PRIMARY"],
  ])("refuses %s, and shows no key", (_, act, code, reason) => {
    const error = caught(act);
    expect([error.code, error.facts.reason]).toEqual([code as typeof error.code, reason]);
    expect(JSON.stringify([error.message, error.facts])).not.toMatch(/a[123]a[123]|16[123],16[123]/);
  });
});

function caught(act: () => unknown): LedgerError {
  try {
    act();
  } catch (error) {
    if (error instanceof LedgerError) return error;
  }
  throw new Error("no LedgerError was thrown");
}
