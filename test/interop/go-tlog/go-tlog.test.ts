/** Our notes, keys, roots, proofs and tiles, checked by golang.org/x/mod/sumdb. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { base64, unbase64 } from "../../../src/core/base64.ts";
import { type Hash, hashBytes } from "../../../src/core/hasher.ts";
import { consistencyPath } from "../../../src/core/merkle/consistency-proof.ts";
import { inclusionPath } from "../../../src/core/merkle/inclusion-proof.ts";
import { completeParts, nodeHash, type NodeRef, rootRef } from "../../../src/core/merkle/node-ref.ts";
import { checkpointBody } from "../../../src/core/tlog/checkpoint.ts";
import { leafHash, parseEvidence } from "../../../src/core/tlog/evidence.ts";
import { formatTilePath } from "../../../src/core/tlog/tile-path.ts";
import { formatVerifierKey } from "../../../src/core/tlog/verifier-key.ts";
import { createCheckpointSigner } from "../../../src/node/checkpoint-signer.ts";
import { type NodeKeySet, signingKey } from "../../../src/node/ed25519-key-text.ts";
import { rawPublicKey } from "../../../src/node/ed25519.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import { sampleKey, sampleRecord } from "../../core/tlog/sample-log.ts";
import { patienceMs } from "../../support/until.ts";
import vectors from "../../vectors/entry-v1.json";
import { goLacks, type GoRequest, type GoTlog, startGoTlog } from "./go-tlog.ts";

setDefaultTimeout(2 * patienceMs);

const sizeMax = 2000;
const hasher = await loadHasher();
const records = Array.from({ length: sizeMax }, (_, i) => sampleRecord(i + 1));
const leaves = records.map((record) => leafHash(record, hasher));
/** All complete nodes: `levels[l]` packs those at level l. */
const levels: Uint8Array[] = [Uint8Array.from(leaves.flatMap((leaf) => [...leaf]))];
for (let level = levels[0]; level !== undefined && level.length > hashBytes; level = levels.at(-1))
  levels.push(hasher.parents(level, "rfc6962"));

const suffix = goLacks === undefined ? "" : ` (${goLacks})`;
let go: GoTlog;

beforeAll(async () => {
  if (goLacks !== undefined) return;
  go = await startGoTlog();
  await go.ask({ op: "append", leaves: leaves.map(base64) });
});

afterAll(async () => {
  if (goLacks === undefined) await go[Symbol.asyncDispose]();
});

function complete({ level, index }: NodeRef): Hash {
  return levels[level]?.slice(hashBytes * index, hashBytes * (index + 1)) ?? new Uint8Array(0);
}

function hashOf(ref: NodeRef, size: number): Hash {
  return nodeHash(ref, size, completeParts(ref, size).map(complete), "rfc6962", hasher);
}

function rootOf(size: number): string {
  return base64(hashOf(rootRef(size, "rfc6962"), size));
}

function inclusion(index: number, size: number): GoRequest {
  const hashes = inclusionPath(index, size, "rfc6962").map((ref) => base64(hashOf(ref, size)));
  return {
    op: "record",
    size,
    root: rootOf(size),
    index,
    leaf: base64(complete({ level: 0, index })),
    hashes,
  };
}

function consistency(oldSize: number, size: number): GoRequest {
  const hashes = consistencyPath(oldSize, size).map((ref) => base64(hashOf(ref, size)));
  return { op: "tree", size, root: rootOf(size), oldSize, oldRoot: rootOf(oldSize), hashes };
}

/** Returns what Go refused, with the request. */
async function refusals(requests: readonly GoRequest[]): Promise<unknown[]> {
  const answers = await go.askAll(requests);
  return answers.flatMap(({ error }, i) => (error === undefined ? [] : [{ error, request: requests[i] }]));
}

function below(count: number): number {
  return Math.floor(Math.random() * count);
}

describe.skipIf(goLacks !== undefined)(`Go's sumdb/tlog agrees${suffix}`, () => {
  test("on leaf hashes", async () => {
    const answers = await go.askAll(
      records.slice(0, 100).map((record) => ({ op: "leaf", record: base64(record) })),
    );
    expect(answers.map(({ hash }) => hash)).toEqual(leaves.slice(0, 100).map(base64));
  });

  test(`on the roots of all sizes to ${sizeMax}`, async () => {
    const sizes = Array.from({ length: sizeMax }, (_, i) => i + 1);
    const answers = await go.askAll(sizes.map((size) => ({ op: "root", size })));
    expect(answers.map(({ hash }) => hash)).toEqual(sizes.map(rootOf));
  });

  test("on every inclusion and consistency proof of all sizes to 40", async () => {
    const requests: GoRequest[] = [];
    for (let size = 1; size <= 40; size += 1) {
      for (let index = 0; index < size; index += 1)
        requests.push(inclusion(index, size), consistency(index + 1, size));
    }
    expect(await refusals(requests)).toEqual([]);
  });

  test(`on inclusion proofs in all sizes to ${sizeMax}`, async () => {
    const requests: GoRequest[] = [];
    for (let size = 1; size <= sizeMax; size += 1) {
      const indexes = new Set([0, size - 1, below(size), below(size)]);
      for (const index of indexes) requests.push(inclusion(index, size));
    }
    expect(await refusals(requests)).toEqual([]);
  });

  test(`on consistency proofs to all sizes to ${sizeMax}`, async () => {
    const requests: GoRequest[] = [];
    for (let size = 2; size <= sizeMax; size += 1) {
      const power = 2 ** Math.floor(Math.log2(size));
      const oldSizes = new Set([1, power, size - 1, size, 1 + below(size), 1 + below(size)]);
      for (const oldSize of oldSizes) requests.push(consistency(oldSize, size));
    }
    expect(await refusals(requests)).toEqual([]);
  });

  test("that a proof with a flipped bit is none", async () => {
    const requests: GoRequest[] = [];
    for (let i = 0; i < 500; i += 1) {
      const size = 2 + below(sizeMax - 1);
      const included = flipped(inclusion(below(size), size), "checkRecord");
      const grown = flipped(consistency(1 + below(size - 1), size), "checkTree");
      requests.push(included, grown);
    }
    const answers = await go.askAll(requests);
    expect(requests.filter((_, i) => answers[i]?.error === undefined)).toEqual([]);
  });

  test("on tiles: their paths, their bytes, and that they lead to the root", async () => {
    for (const size of [1, 2, 255, 256, 257, 511, 512, 1000, 1024, 1999, 2000]) {
      const tiles = tilesOf(size);
      const own = await go.askAll(
        tiles.map(({ level, index, width }) => ({ op: "tile", level, index, width })),
      );
      expect(own).toEqual(tiles.map(({ path, data }) => ({ path, data })));

      const byPath = Object.fromEntries(tiles.map(({ path, data }) => [path, data]));
      const { hashes } = await go.ask({ op: "tiles", size, root: rootOf(size), tiles: byPath });
      const roots = Array.from({ length: Math.floor(size / 256) }, (_, index) =>
        complete({ level: 8, index }),
      );
      expect(hashes).toEqual([...leaves.slice(0, size), ...roots].map(base64));

      // The top tile: x/mod 0.7.0 does not authenticate every tile below if the root needs several hashes of one tile.
      const top = tiles.at(-1);
      const wrong = { ...byPath, [top?.path ?? ""]: flippedText(top?.data ?? "") };
      expect(await go.ask({ op: "tiles", size, root: rootOf(size), tiles: wrong })).toHaveProperty("error");
    }
  });

  test("on the paths of tiles", async () => {
    const paths = [0, 1, 9, 10, 999, 1000, 1_234_067, 999_999, 10 ** 9, 2 ** 53 - 1].flatMap((index) =>
      [1, 9, 255, 256].flatMap((width) => [0, 1, 9, 63].map((level) => ({ level, index, width }))),
    );
    const answers = await go.askAll(paths.map((path) => ({ op: "path", ...path })));
    expect(answers.map(({ path }) => path)).toEqual(
      paths.map((path) => formatTilePath({ kind: "hashes", ...path })),
    );
  });
});

describe.skipIf(goLacks !== undefined)(`Go's sumdb/note agrees${suffix}`, () => {
  const { note, vkey, tlog_proof_index_1 } = vectors.checkpoint;
  const [newKey, oldKey, retiredKey] = [
    signingKey(sampleKey(1)),
    signingKey(sampleKey(2)),
    signingKey(sampleKey(3)),
  ];
  const keys: NodeKeySet = { active: [newKey, oldKey], retired: [retiredKey.publicKey] };
  const signer = createCheckpointSigner({
    logName: "ledger.example/n1",
    keys: { current: () => keys },
    hasher,
  });

  test("on the worked example and the checkpoint in its evidence", async () => {
    for (const text of [note, parseEvidence(tlog_proof_index_1).checkpoint]) {
      const opened = await go.ask({ op: "open", note: text, keys: [vkey] });
      expect(opened).toEqual({
        text: note.slice(0, note.indexOf("\n\n") + 1),
        verified: [vkey.slice(0, -45)],
      });
    }
  });

  test.each(["ledger.example/n1", "ledger.example/n1/plain", "ledger.example/n1/%F0%9F%98%80%2F%2B%40@7"])(
    "on checkpoints and keys of %s while keys rotate",
    async (origin) => {
      for (const size of [0, 1, 2000, Number.MAX_SAFE_INTEGER]) {
        const body = checkpointBody({ origin, size, root: leaves[0] ?? new Uint8Array(0) });
        const text = await signer.sign(origin, body);
        const verifierKeys = await signer.verifierKeys(origin);
        const ids = verifierKeys.map((key) => key.split("+").slice(0, 2).join("+"));
        expect(await go.ask({ op: "open", note: text, keys: verifierKeys })).toEqual({
          text: body,
          verified: ids.slice(0, 2),
        });
        const [first = "", second = "", third = ""] = verifierKeys;
        expect(await go.ask({ op: "open", note: text, keys: [second] })).toEqual({
          text: body,
          verified: ids.slice(1, 2),
          unverified: ids.slice(0, 1),
        });
        expect(await go.ask({ op: "open", note: text, keys: [third] })).toHaveProperty("error");
        const changed = text.replace(`\n${size}\n`, `\n${size + 1}\n`);
        expect(await go.ask({ op: "open", note: changed, keys: [first] })).toHaveProperty("error");
      }
    },
  );

  test("on the key ids of many keys", async () => {
    for (let ordinal = 1; ordinal <= 100; ordinal += 1) {
      const key = signingKey(sampleKey(ordinal));
      const active: NodeKeySet = { active: [key], retired: [] };
      const origin = `n/${ordinal}`;
      const one = createCheckpointSigner({ logName: "n", keys: { current: () => active }, hasher });
      const text = await one.sign(origin, `${origin}\n`);
      const verifierKey = formatVerifierKey(origin, rawPublicKey(key.privateKey), hasher);
      expect(await go.ask({ op: "open", note: text, keys: [verifierKey] })).toMatchObject({
        text: `${origin}\n`,
      });
    }
  });
});

interface TileOfLog {
  readonly level: number;
  readonly index: number;
  readonly width: number;
  readonly path: string;
  readonly data: string;
}

/** Returns all tiles of a log of `size` leaves. */
function tilesOf(size: number): TileOfLog[] {
  const tiles: TileOfLog[] = [];
  for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / 256)) {
    for (let index = 0; 256 * index < count; index += 1) {
      const width = Math.min(256, count - 256 * index);
      const start = hashBytes * 256 * index;
      const data = base64(levels[8 * level]?.slice(start, start + hashBytes * width) ?? new Uint8Array(0));
      tiles.push({
        level,
        index,
        width,
        path: formatTilePath({ kind: "hashes", level, index, width }),
        data,
      });
    }
  }
  return tiles;
}

/** Flips one bit of one hash of a proof, or of its root if it has none. */
function flipped(request: GoRequest, op: GoRequest["op"]): GoRequest {
  const hashes = request["hashes"] as string[];
  const at = below(hashes.length);
  if (hashes.length === 0) return { ...request, op, root: flippedText(String(request["root"])) };
  return { ...request, op, hashes: hashes.with(at, flippedText(hashes[at] ?? "")) };
}

function flippedText(text: string): string {
  const bytes = unbase64(text)?.slice() ?? new Uint8Array(0);
  const bit = below(8 * bytes.length);
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return base64(bytes);
}
