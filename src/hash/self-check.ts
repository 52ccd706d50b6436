import { hex } from "../core/hex.ts";
import { hashBytes, type Hasher, type SingleHasher } from "../core/hasher.ts";
import { batchHashing } from "../core/merkle/batch-hashing.ts";
import { emptyFrontier } from "../core/merkle/frontier.ts";
import { sameBytes } from "../core/snapshot/same-bytes.ts";
import { encodeUtf8 } from "../core/utf8.ts";

/**
 * Returns what `hasher` does wrong, or undefined if all its digests are right: published examples,
 * every length of up to two blocks (so every padding), an input of many blocks, and streams in odd
 * pieces that overlap each other and single digests. Takes about a millisecond in a cold process.
 */
export function selfCheck(hasher: SingleHasher): string | undefined {
  for (const [message, expected] of published) {
    const bytes = encodeUtf8(message);
    if (hex(hasher.sha256(bytes)) !== expected) return `wrong digest of ${bytes.length} published bytes`;
  }
  const bytes = pattern();
  if (hex(hasher.sha256(bytes)) !== patternDigest) return `wrong digest of ${patternBytes} bytes`;
  const single = hasher.stream();
  const pieces = hasher.stream();
  for (let length = 0; length < shortBytesEnd; length += 1) {
    const message = bytes.subarray(0, length);
    single.update(hasher.sha256(message));
    pieces.update(inPieces(hasher, message));
  }
  if (hex(single.digest()) !== digestOfShortDigests)
    return `wrong digest of less than ${shortBytesEnd} bytes`;
  if (hex(pieces.digest()) !== digestOfShortDigests)
    return `wrong stream of less than ${shortBytesEnd} bytes`;
  return hex(inPieces(hasher, bytes)) === patternDigest ? undefined : `wrong stream of ${patternBytes} bytes`;
}

/**
 * Returns what the batches of `hasher` do otherwise than its single digests, or undefined if they are the same: levels and
 * frontiers of either profile, full and with a rest of every kind. Takes less than a millisecond.
 */
export function selfCheckBatches(hasher: Hasher): string | undefined {
  const one = batchHashing(hasher);
  const bytes = pattern();
  const messages = Array.from({ length: 23 }, (_, i) => bytes.subarray(0, 11 * i));
  const leaves = one.sha256Many(messages);
  if (!sameBytes(hasher.sha256Many(messages), leaves)) return "wrong digests of a batch";
  for (const profile of ["rfc6962", "seed"] as const) {
    for (const count of [1, 2, 7, 8, 23]) {
      const some = leaves.subarray(0, hashBytes * count);
      if (!sameBytes(hasher.parents(some, profile), one.parents(some, profile)))
        return `wrong ${profile} parents of ${count} nodes`;
      if (!sameBytes(hasher.pyramid(some, profile), one.pyramid(some, profile)))
        return `wrong ${profile} nodes above ${count} leaves`;
      const before = one.extend(emptyFrontier, some, profile);
      const [extended, expected] = [hasher, one].map((each) => each.extend(before, leaves, profile));
      if (!sameBytes(extended?.subtrees ?? leaves, expected?.subtrees ?? some))
        return `wrong ${profile} frontier after ${count} and ${leaves.length / hashBytes} leaves`;
    }
  }
  return undefined;
}

/** The examples of FIPS 180-4 for SHA-256, as NIST publishes them, and the empty message. */
const published: readonly (readonly [message: string, digest: string])[] = [
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
  [
    "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
    "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
  ],
];

// Computed with Python's hashlib (OpenSSL).
const patternBytes = 1000;
const patternDigest = "c85a431e0fe575b2609289d3a4042414715f400612575a125d2ce5573d608732";
const shortBytesEnd = 130;
const digestOfShortDigests = "6331a2b10770f73d638be11da3c97f61f5f9dddebf3f274e4c36e5b91ae35d28";

/** Feeds pieces of 0, 37, 74, 11, 48, … bytes: all lengths modulo 101, so that every buffer state is met. */
function inPieces(hasher: SingleHasher, bytes: Uint8Array): Uint8Array {
  const stream = hasher.stream();
  let at = 0;
  for (let i = 0; at < bytes.length; i += 1) {
    const end = at + ((37 * i) % 101);
    stream.update(bytes.subarray(at, end));
    at = end;
  }
  return stream.digest();
}

function pattern(): Uint8Array {
  const bytes = new Uint8Array(patternBytes);
  for (let i = 0; i < patternBytes; i += 1) bytes[i] = i * 7 + Math.floor(i / 256);
  return bytes;
}
