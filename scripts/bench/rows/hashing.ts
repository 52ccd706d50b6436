import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { MerkleTree } from "merkletreejs";
import { contentHash, type Entry } from "../../../src/core/entry.ts";
import { hashBytes, type Hasher } from "../../../src/core/hasher.ts";
import { emptyFrontier, frontierRoot } from "../../../src/core/merkle/frontier.ts";
import { inclusionPath, verifyInclusion } from "../../../src/core/merkle/inclusion-proof.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import { loadMerkleCore } from "../../../src/hash/merkle-core.ts";
import { loadPortableHasher } from "../../../src/hash/portable.ts";
import { loadWasmHasher } from "../../../src/hash/wasm.ts";
import type { Line } from "../line.ts";
import { alternate } from "../measure/alternate.ts";
import { median } from "../measure/statistics.ts";
import type { Row } from "../run/bench.ts";

const nodes = 1_000_000;
/** Slower ones get a part of the level. */
const sample = 65_536;
const records = 100_000;

/** The Merkle core against other ways to hash the nodes of trees, in this process on one thread. */
export const hashing: Row = {
  name: "hashing",
  needs: [],
  run: async ({ rounds }): Promise<readonly Line[]> => [
    ...(await levelLines(rounds)),
    await rootLine(rounds),
    await recordsLine(rounds),
    await verifyLine(rounds),
  ],
};

async function levelLines(rounds: number): Promise<Line[]> {
  const core = await loadMerkleCore();
  const level = leavesOf(2 * nodes);
  const part = level.subarray(0, 2 * hashBytes * sample);
  const hashWasm = await loadWasmHasher();
  const peers = {
    "one native Bun.SHA256.hash per node": nativeNodes(level),
    "hash-wasm per node": perNode(part, (node) => hashWasm.sha256(node)),
    "@noble/hashes per node": perNode(part, nobleSha256),
    merkletreejs: () => {
      const leaves = Array.from({ length: sample }, (_, i) =>
        Buffer.from(part.subarray(32 * i, 32 * i + 32)),
      );
      const began = performance.now();
      new MerkleTree(leaves, (bytes: Uint8Array) => Buffer.from(nobleSha256(bytes))).getRoot();
      return ((performance.now() - began) * 1e6) / sample;
    },
  };
  const lines: Line[] = [];
  for (const [name, theirs] of Object.entries(peers)) {
    const compared = await alternate(
      rounds,
      async () => nsEach(nodes, () => core.parents(level, "rfc6962")),
      async () => theirs(),
    );
    const isNative = name.includes("native");
    const ratio = isNative ? compared.ratio : 1 / compared.ratio;
    lines.push({
      what: "one tree node in a level of 1M, WebAssembly",
      ours: { value: compared.ours / 1000, unit: "µs" },
      against: { name, value: compared.theirs / 1000, unit: "µs" },
      bar: isNative
        ? { score: { value: ratio, unit: "x" }, better: "less", atLeast: 1.9, aim: 1.4 }
        : { score: { value: ratio, unit: "x" }, better: "more", atLeast: 3, aim: 4.5 },
    });
  }
  return lines;
}

async function rootLine(rounds: number): Promise<Line> {
  const core = await loadMerkleCore();
  const hasher = await loadHasher();
  const leaves = leavesOf(nodes);
  const times = [];
  for (let round = 0; round <= rounds; round++)
    times.push(msOf(() => frontierRoot(core.extend(emptyFrontier, leaves, "rfc6962"), "rfc6962", hasher)));
  const ours = { value: median(times.slice(1)), unit: "ms" } as const;
  return {
    what: "root of 1M leaf hashes, one thread",
    ours,
    bar: { score: ours, better: "less", atLeast: 500, aim: 250 },
  };
}

async function recordsLine(rounds: number): Promise<Line> {
  const hasher = await loadHasher();
  const payload = leavesOf(8);
  const entries = Array.from({ length: records }, (_, i): Entry => ({
    id: i.toString(16).padStart(32, "0"),
    key: "facts",
    payload,
    sequence: i + 1,
    appendedAtNs: 1_700_000_000_000_000_000n + BigInt(i),
    metadata: [],
    lamport: BigInt(i + 1),
  }));
  const leaves = new Uint8Array(hashBytes * records);
  const times = [];
  for (let round = 0; round <= rounds; round++) {
    times.push(
      msOf(() => {
        for (const [i, entry] of entries.entries())
          leaves.set(contentHash("context", entry, hasher), hashBytes * i);
        return frontierRoot(hasher.extend(emptyFrontier, leaves, "rfc6962"), "rfc6962", hasher);
      }),
    );
  }
  const ours = { value: median(times.slice(1)), unit: "ms" } as const;
  return {
    what: "root of 100k entries of 256 bytes from memory",
    ours,
    bar: { score: ours, better: "less", atLeast: 350, aim: 150 },
  };
}

/** Verification as a browser does it: in WebAssembly alone. */
async function verifyLine(rounds: number): Promise<Line> {
  const hasher: Hasher = await loadPortableHasher();
  const index = 371_293;
  const leaf = leavesOf(1);
  const path = inclusionPath(index, nodes, "rfc6962");
  const hashes = path.map((_, i) => leavesOf(1 + i).slice(-hashBytes));
  let root = leaf;
  for (const [i, { index: sibling }] of path.entries()) {
    const [left, right] = sibling % 2 === 1 ? [root, hashes[i]] : [hashes[i], root];
    root = hasher.parents(Buffer.concat([left ?? leaf, right ?? leaf]), "rfc6962");
  }
  const proof = { index, size: nodes, leaf, root, hashes };
  if (!verifyInclusion(proof, "rfc6962", hasher)) throw new Error("the proof that is measured is none");
  const count = 10_000;
  const rates = [];
  for (let round = 0; round <= rounds; round++) {
    const ms = msOf(() => {
      for (let i = 0; i < count; i++) verifyInclusion(proof, "rfc6962", hasher);
    });
    rates.push((count * 1000) / ms);
  }
  const ours = { value: median(rates.slice(1)), unit: "/s" } as const;
  return {
    what: "verify an inclusion proof of 20 hashes in the client, WebAssembly",
    ours,
    bar: { score: ours, better: "more", atLeast: 20_000, aim: 100_000 },
  };
}

function nativeNodes(level: Uint8Array): () => number {
  const digest = new Uint8Array(hashBytes);
  const node = new Uint8Array(65);
  node[0] = 1;
  return () =>
    nsEach(nodes, () => {
      for (let at = 0; at < level.length; at += 64) {
        node.set(level.subarray(at, at + 64), 1);
        Bun.SHA256.hash(node, digest);
      }
    });
}

function perNode(level: Uint8Array, hash: (node: Uint8Array) => Uint8Array): () => number {
  const node = new Uint8Array(65);
  node[0] = 1;
  return () =>
    nsEach(level.length / 64, () => {
      for (let at = 0; at < level.length; at += 64) {
        node.set(level.subarray(at, at + 64), 1);
        hash(node);
      }
    });
}

function nsEach(count: number, work: () => unknown): number {
  return (msOf(work) * 1e6) / count;
}

function msOf(work: () => unknown): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

/** Bytes that are the same in every run. */
function leavesOf(count: number): Uint8Array {
  const words = new Uint32Array((hashBytes * count) / 4);
  let state = 1;
  for (let i = 0; i < words.length; i++)
    words[i] = state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return new Uint8Array(words.buffer);
}
