import { describe, expect, test } from "bun:test";

import { copiedId, idempotentId, uuidV7 } from "../../src/core/entry-id.ts";
import { loadHasher } from "../../src/hash/load-hasher.ts";
import entryVectors from "../vectors/entry-v1.json";
import { joined, sha256, text } from "./snapshot/snapshot-fixtures.ts";

const hasher = await loadHasher();

describe("uuidV7()", () => {
  test("gives the example of RFC 9562, appendix A.6", () => {
    const random = new Uint8Array([0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]);
    expect(uuidV7(1_645_557_742_000, random, 0)).toBe("017f22e279b07cc398c4dc0c0c07398f");
  });

  test("can give the ids of the worked example", () => {
    const ids = entryVectors.entries.map(({ entry }) => {
      const random = new Uint8Array(10);
      random[9] = Number(entry.sequence);
      return uuidV7(Number.parseInt(entry.id.slice(0, 12), 16), random, 0);
    });
    expect(ids).toEqual(entryVectors.entries.map(({ entry }) => entry.id));
  });

  test("sets version and variant over any random bits, and reads them from the offset", () => {
    const random = new Uint8Array(13).fill(0xff);
    random.fill(0, 0, 3);
    expect(uuidV7(2 ** 48 - 1, random, 3)).toBe("ffffffffffff7fffbfffffffffffffff");
    expect(uuidV7(0, new Uint8Array(10), 0)).toBe("00000000000070008000000000000000");
  });

  test("ascends with the time", () => {
    const times = [0, 1, 255, 65_535, 65_536, 1_767_225_600_000, 1_767_225_600_001, 2 ** 48 - 1];
    const ids = times.map((time) => uuidV7(time, new Uint8Array(10), 0));
    expect(ids).toEqual(ids.toSorted());
  });
});

describe("derived ids", () => {
  test("idempotentId() is the hash of the context and the key under their own header", () => {
    const hashed = joined(Buffer.from("converge-ledger/idempotency/v1\n"), text("ctx é"), text("key"));
    expect(idempotentId("ctx é", "key", hasher)).toBe(sha256(hashed).toString("hex").slice(0, 32));
  });

  test("copiedId() is the hash of target, source and id under their own header", () => {
    const hashed = joined(Buffer.from("converge-ledger/copy/v1\n"), text("to"), text("from"), text("id"));
    expect(copiedId("to", "from", "id", hasher)).toBe(sha256(hashed).toString("hex").slice(0, 32));
  });

  test("keep the borders of what they are made of", () => {
    expect(idempotentId("ab", "c", hasher)).not.toBe(idempotentId("a", "bc", hasher));
    expect(copiedId("ab", "c", "d", hasher)).not.toBe(copiedId("a", "bc", "d", hasher));
    expect(copiedId("a", "bc", "d", hasher)).not.toBe(copiedId("a", "b", "cd", hasher));
  });
});
