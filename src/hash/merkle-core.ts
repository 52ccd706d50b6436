/**
 * The WebAssembly Merkle core: many hashes in one call, through buffers of a fixed size.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import { type Hash, hashBytes, type Hasher } from "../core/hasher.ts";
import { type Frontier, oneBits } from "../core/merkle/frontier.ts";
import type { ProfileName } from "../core/merkle/tree-profile.ts";
import { scalarCore, simdCore } from "./core-bytes.ts";

/** What the core does of a {@link Hasher}: long messages and streams belong to others. */
export interface MerkleCore extends Omit<Hasher, "stream"> {
  /** What `sha256`, and each message of `sha256Many`, may have at most. */
  readonly messageBytesMax: number;
}

export type CoreBuild = "simd" | "scalar";

/** What wasm/module.ts exports. */
interface CoreExports {
  readonly memory: WebAssembly.Memory;
  readonly input: WebAssembly.Global;
  readonly output: WebAssembly.Global;
  readonly bounds: WebAssembly.Global;
  readonly frontier: WebAssembly.Global;
  readonly inputBytes: WebAssembly.Global;
  readonly hashesMax: WebAssembly.Global;
  digests(count: number): void;
  level(count: number, profile: number): void;
  pyramid(count: number, profile: number): void;
  extend(sizeLow: number, sizeHigh: number, count: number, profile: number): void;
}

const profileCodes: Readonly<Record<ProfileName, number>> = { seed: 0, rfc6962: 1 };

/** Returns the build that is fastest here: with vectors of four words wherever the runtime has them. */
export function fittingBuild(): CoreBuild {
  return WebAssembly.validate(simdProbe) ? "simd" : "scalar";
}

/** A module with one function that makes a vector. */
const simdProbe = new Uint8Array([
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0],
  ...[10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
]);

/** Loads the core. Rejects if the runtime has no WebAssembly, or its policy forbids it. */
export async function loadMerkleCore(build: CoreBuild = fittingBuild()): Promise<MerkleCore> {
  const bytes = decodeBase64(build === "simd" ? simdCore : scalarCore);
  const { instance } = await WebAssembly.instantiate(bytes);
  return merkleCore(instance.exports as unknown as CoreExports);
}

function merkleCore(core: CoreExports): MerkleCore {
  const { buffer } = core.memory;
  const inputBytes = Number(core.inputBytes.value);
  const hashesMax = Number(core.hashesMax.value);
  const input = new Uint8Array(buffer, Number(core.input.value), inputBytes);
  const output = new Uint8Array(buffer, Number(core.output.value), inputBytes);
  const bounds = new Uint32Array(buffer, Number(core.bounds.value), hashesMax + 1);
  const subtrees = new Uint8Array(buffer, Number(core.frontier.value), 53 * hashBytes);
  return { messageBytesMax: inputBytes, sha256, sha256Many, parents, pyramid, extend };

  function sha256(bytes: Uint8Array): Hash {
    assert(bytes.length <= inputBytes, "the core takes short messages");
    input.set(bytes);
    bounds[0] = 0;
    bounds[1] = bytes.length;
    core.digests(1);
    return output.slice(0, hashBytes);
  }

  function sha256Many(messages: readonly Uint8Array[]): Uint8Array {
    const digests = new Uint8Array(hashBytes * messages.length);
    let done = 0;
    while (done < messages.length) {
      let count = 0;
      let at = 0;
      for (let next = messages[done]; next !== undefined; next = messages[done + count]) {
        if (count === hashesMax || at + next.length > inputBytes) break;
        bounds[count] = at;
        input.set(next, at);
        at += next.length;
        count += 1;
      }
      assert(count > 0, "the core takes short messages");
      bounds[count] = at;
      core.digests(count);
      digests.set(output.subarray(0, hashBytes * count), hashBytes * done);
      done += count;
    }
    return digests;
  }

  function parents(level: Uint8Array, profile: ProfileName): Uint8Array {
    const nodes = Math.floor(level.length / (2 * hashBytes));
    const above = new Uint8Array(hashBytes * nodes);
    const nodesMax = hashesMax / 2;
    for (let done = 0; done < nodes; done += nodesMax) {
      const count = Math.min(nodesMax, nodes - done);
      input.set(level.subarray(2 * hashBytes * done, 2 * hashBytes * (done + count)));
      core.level(count, profileCodes[profile]);
      above.set(output.subarray(0, hashBytes * count), hashBytes * done);
    }
    return above;
  }

  function pyramid(leaves: Uint8Array, profile: ProfileName): Uint8Array {
    const count = leaves.length / hashBytes;
    if (count <= hashesMax) {
      input.set(leaves);
      core.pyramid(count, profileCodes[profile]);
      return output.slice(0, hashBytes * nodesAbove(count));
    }
    const nodes = new Uint8Array(hashBytes * nodesAbove(count));
    let at = 0;
    for (let level = parents(leaves, profile); level.length > 0; level = parents(level, profile)) {
      nodes.set(level, at);
      at += level.length;
    }
    return nodes;
  }

  function extend(frontier: Frontier, leaves: Uint8Array, profile: ProfileName): Frontier {
    placeSubtrees(frontier);
    let { size } = frontier;
    for (let at = 0; at < leaves.length; at += inputBytes) {
      const piece = leaves.subarray(at, at + inputBytes);
      const count = piece.length / hashBytes;
      input.set(piece);
      core.extend(size % 2 ** 32, Math.floor(size / 2 ** 32), count, profileCodes[profile]);
      size += count;
    }
    return { size, subtrees: takeSubtrees(size) };
  }

  /** The core has a place for each level, the smallest subtree first. */
  function placeSubtrees({ size, subtrees: packed }: Frontier): void {
    let end = packed.length;
    for (let level = 0, rest = size; rest > 0; level += 1, rest = Math.floor(rest / 2)) {
      if (rest % 2 === 0) continue;
      subtrees.set(packed.subarray(end - hashBytes, end), hashBytes * level);
      end -= hashBytes;
    }
  }

  function takeSubtrees(size: number): Uint8Array {
    const packed = new Uint8Array(hashBytes * oneBits(size));
    let end = packed.length;
    for (let level = 0, rest = size; rest > 0; level += 1, rest = Math.floor(rest / 2)) {
      if (rest % 2 === 0) continue;
      end -= hashBytes;
      packed.set(subtrees.subarray(hashBytes * level, hashBytes * (level + 1)), end);
    }
    return packed;
  }
}

/** Returns how many complete nodes there are above leaves. */
function nodesAbove(leaves: number): number {
  let nodes = 0;
  for (let level = Math.floor(leaves / 2); level > 0; level = Math.floor(level / 2)) nodes += level;
  return nodes;
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
