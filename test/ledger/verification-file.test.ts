import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite-store.ts";
import { workerUrl } from "../store/sample-rows.ts";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { failureOf, seededRandom } from "../support/ledger-world.ts";
import { damageOf, damageWorld, fill, stepsOf } from "./damage-world.ts";

const pageBytes = 4096;
const count = 400;

/** Makes a ledger file of two contexts, lets `spoil` change its bytes, and hands the opened store over. */
async function withSpoiled(
  spoil: (file: Buffer) => void,
  use: (store: SqliteStore) => Promise<void>,
): Promise<void> {
  using directory = temporaryDirectory();
  const before = await openSqliteStore({ directory: directory.path, workerUrl });
  const world = damageWorld(before);
  await fill(world, "c", count, ["a", "b"]);
  await fill(world, "healthy", count);
  await before.close();
  const path = join(directory.path, "ledger.db");
  const file = readFileSync(path);
  spoil(file);
  writeFileSync(path, file);
  const store = await openSqliteStore({ directory: directory.path, workerUrl });
  try {
    await use(store);
  } finally {
    await store.close();
  }
}

/** Returns the pages that hold a text, by their offset. */
function pagesWith(file: Buffer, text: string): number[] {
  const pages = new Set<number>();
  for (let at = file.indexOf(text); at !== -1; at = file.indexOf(text, at + 1))
    pages.add(at - (at % pageBytes));
  return [...pages];
}

describe("verify() of a ledger file", () => {
  test("finds every bit that is flipped in a payload, in either context", async () => {
    const random = new Uint8Array(3 * 12);
    seededRandom(5).fill(random);
    const spoiled = new Set<number>();
    const spoil = (file: Buffer): void => {
      for (let i = 0; i < random.length; i += 3) {
        const [high = 0, low = 0, bit = 0] = random.subarray(i, i + 3);
        const at = file.indexOf(`p${1 + ((256 * high + low) % count)}`);
        if (at === -1 || spoiled.has(at)) continue;
        spoiled.add(at);
        file[at] = (file[at] ?? 0) ^ (1 << (bit % 8));
      }
    };
    await withSpoiled(spoil, async (store) => {
      expect(spoiled.size).toBeGreaterThan(5);
      const world = damageWorld(store);
      const { length } = [...(await damageOf(world, "c")).found, ...(await damageOf(world, "healthy")).found];
      expect(length).toBe(spoiled.size);
    });
  });

  test("tells which entries of a page that SQLite cannot read are lost, and keeps the others readable", async () => {
    let page = 0;
    const spoil = (file: Buffer): void => {
      [page = 0] = pagesWith(file, "p200");
      file.fill(0xff, page, page + pageBytes);
    };
    await withSpoiled(spoil, async (store) => {
      expect(page).toBeGreaterThan(0);
      const world = damageWorld(store);
      const steps = await stepsOf(world, "c");
      const lost = steps.flatMap((step) =>
        step.kind === "damage" && step.sequence > 0 ? step.sequence : [],
      );
      expect(lost).toContain(200);
      expect(lost.length).toBeLessThan(100);
      const [first = 0] = lost;
      expect(lost).toEqual(Array.from({ length: lost.length }, (_, i) => first + i));
      expect(steps.at(-1)).toMatchObject({ kind: "result", head: { size: count } });
      const get = (afterSequence: number, limit: number) =>
        world.reader.get({
          contextId: "c",
          key: "",
          afterSequence: BigInt(afterSequence),
          limit,
          maxBytes: 0,
          resumeToken: new Uint8Array(0),
        });
      expect((await get(0, first - 1)).entries.length).toBe(first - 1);
      expect((await get(lost.at(-1) ?? 0, 0)).entries.length).toBe(count - (lost.at(-1) ?? 0));
      for (const sequence of lost) expect((await failureOf(get(sequence - 1, 1))).code).toBe("DATA_LOSS");
      expect(await damageOf(world, "healthy")).toEqual({ found: [], damaged: 0 });
    });
  });
});
