import { expect, test } from "bun:test";

import type { Hasher } from "../../src/core/hasher.ts";
import { hex } from "../../src/core/hex.ts";
import { chooseHasher, loadHasher } from "../../src/hash/load-hasher.ts";
import { loadWasmHasher } from "../../src/hash/wasm.ts";
import { referenceHasher } from "./reference-hasher.ts";

const message = new TextEncoder().encode("chosen");

test("chooseHasher() takes the native one and says that it passed", async () => {
  const { name, reason } = await chooseHasher();
  expect({ name, reason }).toEqual({ name: "native", reason: "the native SHA-256 passed its self-check" });
});

test("chooseHasher() falls back to hash-wasm if the native one is wrong, and says how", async () => {
  const broken = { ...referenceHasher, sha256: () => new Uint8Array(32) };
  const { hasher, name, reason } = await chooseHasher(broken);
  expect({ name, reason }).toEqual({
    name: "hash-wasm",
    reason: "the native SHA-256 failed its self-check: wrong digest of 0 published bytes",
  });
  expect(hex(hasher.sha256(message))).toBe(hex(referenceHasher.sha256(message)));
});

test("loadHasher() returns a hasher that works", async () => {
  const hasher = await loadHasher();
  expect(hex(hasher.sha256(message))).toBe(hex(referenceHasher.sha256(message)));
});

test("the native hasher is the faster one, which is why it is chosen", async () => {
  const candidates = [await loadHasher(), await loadWasmHasher()];
  const [native, wasm] = candidates.map((hasher) =>
    Math.min(...Array.from({ length: 9 }, () => timeNs(hasher))),
  );
  expect(native).toBeLessThan(wasm ?? 0);
});

/** Nanoseconds for a thousand tree nodes. */
function timeNs(hasher: Hasher): number {
  const node = new Uint8Array(65);
  const start = Bun.nanoseconds();
  for (let i = 0; i < 1000; i += 1) hasher.sha256(node);
  return Bun.nanoseconds() - start;
}
