import type { Hasher, SingleHasher } from "../core/hasher.ts";
import { batchHashing } from "../core/merkle/batch-hashing.ts";
import { type CoreBuild, fittingBuild, loadMerkleCore, type MerkleCore } from "./merkle-core.ts";
import { createNativeHasher } from "./native.ts";
import { loadPortableHasher } from "./portable.ts";
import { selfCheck, selfCheckBatches } from "./self-check.ts";

export interface HasherChoice {
  readonly hasher: Hasher;
  /** What hashes single messages and long ones. */
  readonly name: "native" | "hash-wasm";
  /** What hashes the nodes of trees. */
  readonly trees: CoreBuild | "one by one";
  /** For the log: why these. */
  readonly reason: string;
}

/** Returns the fastest SHA-256 here that passes its self-check. */
export async function loadHasher(): Promise<Hasher> {
  return (await chooseHasher()).hasher;
}

/**
 * Chooses the native SHA-256 for single messages if there is one and it passes its self-check, because it is several
 * times faster than WebAssembly wherever it exists, and the WebAssembly Merkle core for the nodes of trees.
 */
export async function chooseHasher(
  native: SingleHasher | undefined = createNativeHasher(),
  loadCore: (build: CoreBuild) => Promise<MerkleCore> = loadMerkleCore,
): Promise<HasherChoice> {
  const fault = native === undefined ? "this runtime has no native SHA-256" : selfCheck(native);
  if (native === undefined || fault !== undefined) {
    const reason = native === undefined ? fault : `the native SHA-256 failed its self-check: ${fault}`;
    return {
      hasher: await loadPortableHasher(),
      name: "hash-wasm",
      trees: fittingBuild(),
      reason: reason ?? "",
    };
  }
  const single = batchHashing(native);
  const build = fittingBuild();
  const passed = "the native SHA-256 passed its self-check";
  try {
    const { parents, pyramid, extend } = await loadCore(build);
    const hasher = { ...single, parents, pyramid, extend };
    const coreFault = selfCheckBatches(hasher);
    if (coreFault === undefined) return { hasher, name: "native", trees: build, reason: passed };
    return oneByOne(`the Merkle core failed its self-check: ${coreFault}`);
  } catch (error) {
    return oneByOne(`the Merkle core cannot be loaded: ${String(error)}`);
  }

  function oneByOne(why: string): HasherChoice {
    return { hasher: single, name: "native", trees: "one by one", reason: `${passed}; ${why}` };
  }
}
