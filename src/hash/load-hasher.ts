import type { Hasher } from "../core/hasher.ts";
import { createNativeHasher } from "./native.ts";
import { selfCheck } from "./self-check.ts";

export interface HasherChoice {
  readonly hasher: Hasher;
  readonly name: "native" | "hash-wasm";
  /** For the log: why this one. */
  readonly reason: string;
}

/** Returns the fastest SHA-256 here that passes its self-check. */
export async function loadHasher(): Promise<Hasher> {
  return (await chooseHasher()).hasher;
}

/**
 * Chooses the native SHA-256 if there is one and it passes its self-check, because it is several
 * times faster than WebAssembly wherever it exists, and hash-wasm otherwise. WebAssembly is only
 * loaded if it is needed: that takes longer than all the rest of a start.
 */
export async function chooseHasher(native: Hasher | undefined = createNativeHasher()): Promise<HasherChoice> {
  if (native === undefined) return portable("this runtime has no native SHA-256");
  const fault = selfCheck(native);
  if (fault !== undefined) return portable(`the native SHA-256 failed its self-check: ${fault}`);
  return { hasher: native, name: "native", reason: "the native SHA-256 passed its self-check" };
}

async function portable(reason: string): Promise<HasherChoice> {
  const { loadWasmHasher } = await import("./wasm.ts");
  const hasher = await loadWasmHasher();
  const fault = selfCheck(hasher);
  if (fault !== undefined) throw new Error(`no trustworthy SHA-256: ${reason}; hash-wasm: ${fault}`);
  return { hasher, name: "hash-wasm", reason };
}
