import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Hasher, hashBytes } from "../../src/core/hasher.ts";
import { hex } from "../../src/core/hex.ts";
import { emptyFrontier, frontierRoot } from "../../src/core/merkle/frontier.ts";
import { chooseHasher } from "../../src/hash/load-hasher.ts";
import { loadMerkleCore, type MerkleCore } from "../../src/hash/merkle-core.ts";
import { loadPortableHasher } from "../../src/hash/portable.ts";
import { selfCheckBatches } from "../../src/hash/self-check.ts";
import { referenceHasher } from "./reference-hasher.ts";

type Batches = Omit<Hasher, "stream">;

const implementations: [name: string, hasher: Batches][] = [
  ["the core with vectors", await loadMerkleCore("simd")],
  ["the core without vectors", await loadMerkleCore("scalar")],
  ["the portable hasher", await loadPortableHasher()],
  ["the chosen hasher", (await chooseHasher()).hasher],
];
const profiles = ["rfc6962", "seed"] as const;
/** What the core takes in one call. */
const hashesMax = 4096;

function hashes(count: number): Uint8Array {
  const bytes = new Uint8Array(hashBytes * count);
  for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

describe.each(implementations)("%s", (_name, hasher) => {
  test("sha256() agrees with the reference at every length up to 300 bytes, and at the longest", () => {
    const bytes = hashes(hashesMax);
    for (const length of [...Array.from({ length: 301 }, (_, i) => i), 65_535, bytes.length]) {
      const message = bytes.subarray(0, length);
      expect(hex(hasher.sha256(message))).toBe(hex(referenceHasher.sha256(message)));
    }
  });

  test("sha256Many() agrees with the reference for messages of any lengths", () => {
    const some = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 40 });
    fc.assert(
      fc.property(some, (messages) => {
        expect(hex(hasher.sha256Many(messages))).toBe(hex(referenceHasher.sha256Many(messages)));
      }),
    );
  });

  test("sha256Many() takes more messages, and more bytes, than fit one call", () => {
    const bytes = hashes(hashesMax);
    for (const messages of [
      Array.from({ length: 2 * hashesMax + 3 }, (_, i) => bytes.subarray(i, i + (i % 5))),
      Array.from({ length: 7 }, (_, i) => bytes.subarray(0, bytes.length - i)),
    ])
      expect(hex(hasher.sha256Many(messages))).toBe(hex(referenceHasher.sha256Many(messages)));
  });

  for (const profile of profiles) {
    test(`parents() and pyramid() agree with the reference for up to 70 hashes, ${profile}`, () => {
      for (let count = 0; count <= 70; count += 1) {
        const level = hashes(count);
        expect(hex(hasher.parents(level, profile))).toBe(hex(referenceHasher.parents(level, profile)));
        expect(hex(hasher.pyramid(level, profile))).toBe(hex(referenceHasher.pyramid(level, profile)));
      }
    });

    test(`parents(), pyramid() and extend() take more than fits one call, ${profile}`, () => {
      for (const count of [hashesMax - 1, hashesMax, hashesMax + 1, 2 * hashesMax + 5]) {
        const level = hashes(count);
        expect(hex(hasher.parents(level, profile))).toBe(hex(referenceHasher.parents(level, profile)));
        expect(hex(hasher.pyramid(level, profile))).toBe(hex(referenceHasher.pyramid(level, profile)));
        const before = referenceHasher.extend(emptyFrontier, hashes(count % 37), profile);
        const { size, subtrees } = hasher.extend(before, level, profile);
        const expected = referenceHasher.extend(before, level, profile);
        expect({ size, subtrees: hex(subtrees) }).toEqual({
          size: expected.size,
          subtrees: hex(expected.subtrees),
        });
      }
    });

    test(`extend() agrees with the reference from any frontier, ${profile}`, () => {
      const counts = [0, 1, 2, 3, 4, 7, 8, 9, 31, 64, 255, 256, 300];
      for (const before of counts) {
        const frontier = referenceHasher.extend(emptyFrontier, hashes(before), profile);
        for (const count of counts) {
          const leaves = hashes(count);
          const { size, subtrees } = hasher.extend(frontier, leaves, profile);
          const expected = referenceHasher.extend(frontier, leaves, profile);
          expect({ size, subtrees: hex(subtrees) }).toEqual({
            size: expected.size,
            subtrees: hex(expected.subtrees),
          });
        }
      }
    });

    test(`extend() goes on from a frontier beyond 2^32 leaves, ${profile}`, () => {
      const size = 2 ** 52 + 2 ** 33 + 3;
      const frontier = { size, subtrees: hashes(4) };
      const leaves = hashes(9);
      const extended = hasher.extend(frontier, leaves, profile);
      const expected = referenceHasher.extend(frontier, leaves, profile);
      expect(extended.size).toBe(size + 9);
      expect(hex(extended.subtrees)).toBe(hex(expected.subtrees));
    });
  }

  test("extend() leaves the frontier it was given as it was", () => {
    const frontier = referenceHasher.extend(emptyFrontier, hashes(13), "rfc6962");
    const copy = frontier.subtrees.slice();
    hasher.extend(frontier, hashes(100), "rfc6962");
    expect(frontier.subtrees).toEqual(copy);
  });
});

test("chooseHasher() takes the native one for messages and the core for trees", async () => {
  const { name, trees, reason } = await chooseHasher();
  expect({ name, trees, reason }).toEqual({
    name: "native",
    trees: "simd",
    reason: "the native SHA-256 passed its self-check",
  });
});

describe("chooseHasher() hashes nodes one by one", () => {
  const broken: [what: string, core: (core: MerkleCore) => MerkleCore][] = [
    ["parents", (core) => ({ ...core, parents: (level) => new Uint8Array(level.length / 2) })],
    ["frontier", (core) => ({ ...core, extend: (frontier) => frontier })],
  ];
  test.each(broken)("if the core is wrong about %s, and says so", async (what, change) => {
    const { trees, reason, hasher } = await chooseHasher(referenceHasher, async () =>
      change(await loadMerkleCore("simd")),
    );
    expect(trees).toBe("one by one");
    expect(reason).toContain(what);
    const leaves = hashes(5);
    const root = (each: Hasher): string =>
      hex(frontierRoot(each.extend(emptyFrontier, leaves, "rfc6962"), "rfc6962", each));
    expect(root(hasher)).toBe(root(referenceHasher));
  });

  test("if the core cannot be loaded", async () => {
    const { trees, reason } = await chooseHasher(referenceHasher, () =>
      Promise.reject(new Error("forbidden")),
    );
    expect({ trees, reason }).toEqual({
      trees: "one by one",
      reason: "the native SHA-256 passed its self-check; the Merkle core cannot be loaded: Error: forbidden",
    });
  });
});

test("selfCheckBatches() finds nothing wrong with the reference", () => {
  expect(selfCheckBatches(referenceHasher)).toBeUndefined();
});

test.skipIf(Bun.which("node") === null)("the portable hasher works in Node (needs node)", async () => {
  const built = await Bun.build({
    entrypoints: [`${import.meta.dir}/../../src/hash/portable.ts`],
    target: "browser",
    format: "esm",
  });
  const source = await built.outputs[0]?.text();
  const program = `${source}
    const hasher = await loadPortableHasher();
    const leaves = Uint8Array.from({ length: 32 * 77 }, (_, i) => i * 31);
    console.log(Buffer.from(hasher.pyramid(leaves, "rfc6962")).toString("hex"));`;
  const node = Bun.spawn(["node", "--input-type=module", "-"], { stdin: new TextEncoder().encode(program) });
  const leaves = Uint8Array.from({ length: 32 * 77 }, (_, i) => i * 31);
  expect((await new Response(node.stdout).text()).trim()).toBe(
    hex(referenceHasher.pyramid(leaves, "rfc6962")),
  );
});
