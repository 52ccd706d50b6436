import { hashBytes, type Hash, type Hasher, type SingleHasher } from "../hasher.ts";
import type { Frontier } from "./frontier.ts";
import { profiles, type ProfileName } from "./tree-profile.ts";

/** Returns a Hasher that hashes one node after the other: the definition that faster ones are compared with. */
export function batchHashing(single: SingleHasher): Hasher {
  return { ...single, sha256Many, parents, pyramid, extend };

  function sha256Many(messages: readonly Uint8Array[]): Uint8Array {
    const digests = new Uint8Array(hashBytes * messages.length);
    for (const [index, message] of messages.entries()) digests.set(single.sha256(message), hashBytes * index);
    return digests;
  }

  function parents(level: Uint8Array, profile: ProfileName): Uint8Array {
    const { node } = profiles[profile];
    const count = Math.floor(level.length / (2 * hashBytes));
    const above = new Uint8Array(hashBytes * count);
    for (let index = 0; index < count; index += 1)
      above.set(node(hashAt(level, 2 * index), hashAt(level, 2 * index + 1), single), hashBytes * index);
    return above;
  }

  function pyramid(leaves: Uint8Array, profile: ProfileName): Uint8Array {
    const levels: Uint8Array[] = [];
    let bytes = 0;
    for (let level = parents(leaves, profile); level.length > 0; level = parents(level, profile)) {
      levels.push(level);
      bytes += level.length;
    }
    const nodes = new Uint8Array(bytes);
    let at = 0;
    for (const level of levels) {
      nodes.set(level, at);
      at += level.length;
    }
    return nodes;
  }

  function extend(frontier: Frontier, leaves: Uint8Array, profile: ProfileName): Frontier {
    const { node } = profiles[profile];
    const subtrees: Hash[] = [];
    for (let at = 0; at < frontier.subtrees.length; at += hashBytes)
      subtrees.push(frontier.subtrees.slice(at, at + hashBytes));
    let { size } = frontier;
    for (let at = 0; at < leaves.length; at += hashBytes) {
      let hash: Hash = leaves.slice(at, at + hashBytes);
      // Every trailing 1-bit of the old size is a subtree that this leaf doubles.
      for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) {
        const left = subtrees.pop();
        if (left !== undefined) hash = node(left, hash, single);
      }
      subtrees.push(hash);
      size += 1;
    }
    const packed = new Uint8Array(hashBytes * subtrees.length);
    for (const [index, subtree] of subtrees.entries()) packed.set(subtree, hashBytes * index);
    return { size, subtrees: packed };
  }
}

function hashAt(packed: Uint8Array, index: number): Hash {
  return packed.subarray(hashBytes * index, hashBytes * (index + 1));
}
