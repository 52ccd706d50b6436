/**
 * Ids of entries: always 32 lower-case hexadecimal digits when given here.
 *
 * @module
 */

import { ByteWriter } from "./byte-writer.ts";
import type { Hasher } from "./hasher.ts";
import { hex } from "./hex.ts";
import { encodeUtf8 } from "./utf8.ts";

const idempotencyHeader = encodeUtf8("converge-ledger/idempotency/v1\n");
const copyHeader = encodeUtf8("converge-ledger/copy/v1\n");

/**
 * Returns the bits of a UUIDv7. `random` holds at least 10 fresh random bytes from `offset` on.
 * [RFC 9562, section 5.7](https://www.rfc-editor.org/rfc/rfc9562#section-5.7)
 */
export function uuidV7(unixMs: number, random: Uint8Array, offset: number): string {
  const id = new Uint8Array(16);
  let rest = unixMs;
  for (let i = 5; i >= 0; i -= 1) {
    id[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  for (let i = 0; i < 10; i += 1) id[6 + i] = random[offset + i] ?? 0;
  id[6] = ((id[6] ?? 0) & 0x0f) | 0x70;
  id[8] = ((id[8] ?? 0) & 0x3f) | 0x80;
  return hex(id);
}

/**
 * Returns whether an id is one that {@link uuidV7} gave an entry of that time, so that nobody looks for the entry by it. Ids
 * that are hashes look like one by chance once in 2^48.
 */
export function isTimeBased(id: string, appendedAtNs: bigint): boolean {
  const unixMs = (appendedAtNs / 1_000_000n).toString(16).padStart(12, "0");
  return id.length === 32 && id[12] === "7" && id.startsWith(unixMs);
}

/** Returns the id that an idempotency key gives an entry of a context. */
export function idempotentId(contextId: string, idempotencyKey: string, hasher: Hasher): string {
  const writer = new ByteWriter(idempotencyHeader.length + 2048);
  return hex(
    hasher.sha256(writer.raw(idempotencyHeader).text(contextId).text(idempotencyKey).view()).subarray(0, 16),
  );
}

/** Returns the id of an entry loaded under another context id than its own. */
export function copiedId(
  targetContextId: string,
  sourceContextId: string,
  sourceId: string,
  hasher: Hasher,
): string {
  scratch.reset().raw(copyHeader).text(targetContextId).text(sourceContextId).text(sourceId);
  return hex(hasher.sha256(scratch.view()).subarray(0, 16));
}

const scratch = new ByteWriter(4096);
