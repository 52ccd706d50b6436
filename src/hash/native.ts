import type { Hash, Hasher } from "../core/hasher.ts";
import { batchHashing } from "../core/merkle/batch-hashing.ts";

/** Returns SHA-256 as the runtime brings it, or undefined in a runtime that is not Bun. */
export function createNativeHasher(): Hasher | undefined {
  if (typeof Bun === "undefined") return undefined;
  return batchHashing({ sha256, stream });
}

function sha256(bytes: Uint8Array): Hash {
  const digest = new Uint8Array(32);
  Bun.SHA256.hash(bytes, digest);
  return digest;
}

function stream(): ReturnType<Hasher["stream"]> {
  const hash = new Bun.SHA256();
  return {
    update(bytes) {
      hash.update(bytes);
    },
    digest() {
      const digest = new Uint8Array(32);
      hash.digest(digest);
      return digest;
    },
  };
}
