import { createHash } from "node:crypto";

import type { Hasher } from "../../src/core/hasher.ts";
import { batchHashing } from "../../src/core/merkle/batch-hashing.ts";

/** SHA-256 by node:crypto, to compare the implementations of `src/hash` with. */
export const referenceHasher: Hasher = batchHashing({
  sha256: (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()),
  stream() {
    const hash = createHash("sha256");
    return {
      update: (bytes) => void hash.update(bytes),
      digest: () => new Uint8Array(hash.digest()),
    };
  },
});
