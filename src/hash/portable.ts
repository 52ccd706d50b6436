import type { Hasher } from "../core/hasher.ts";
import { loadMerkleCore } from "./merkle-core.ts";
import { selfCheck, selfCheckBatches } from "./self-check.ts";
import { loadWasmHasher } from "./wasm.ts";

/**
 * Loads SHA-256 for any runtime with WebAssembly: the Merkle core for short messages and trees, hash-wasm for long
 * messages. Rejects if one of them is wrong here.
 */
export async function loadPortableHasher(): Promise<Hasher> {
  const [long, core] = await Promise.all([loadWasmHasher(), loadMerkleCore()]);
  const { messageBytesMax, ...batches } = core;
  const hasher: Hasher = {
    ...batches,
    stream: () => long.stream(),
    sha256: (bytes) => (bytes.length <= shortBytesMax ? core.sha256(bytes) : long.sha256(bytes)),
    sha256Many: (messages) =>
      messages.every(({ length }) => length <= messageBytesMax)
        ? core.sha256Many(messages)
        : long.sha256Many(messages),
  };
  const fault = selfCheck(hasher) ?? selfCheckBatches(hasher);
  if (fault !== undefined) throw new Error(`no trustworthy SHA-256: ${fault}`);
  return hasher;
}

/** Above this, hash-wasm makes up for what it costs to begin. */
const shortBytesMax = 512;
