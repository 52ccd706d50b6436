import { describe, expect, test } from "bun:test";

import { LedgerError } from "../../../src/core/errors.ts";
import { hex } from "../../../src/core/hex.ts";
import { checkExpectedRoot, parseExpectedRoot } from "../../../src/core/snapshot/expected-root.ts";
import { sampleEntries, write } from "./snapshot-fixtures.ts";

const hash = "0123456789abcdef".repeat(4);

describe("parseExpectedRoot()", () => {
  test.each([0, 1, 10, 2 ** 53 - 1])("takes %d entries", (count) => {
    expect(parseExpectedRoot(`${count}:${hash}`)).toEqual({
      count,
      root: new Uint8Array(Buffer.from(hash, "hex")),
    });
  });

  test.each([
    "",
    hash,
    `:${hash}`,
    `01:${hash}`,
    `+1:${hash}`,
    `-1:${hash}`,
    `1.0:${hash}`,
    `9007199254740992:${hash}`,
    `1:${hash}00`,
    `1:${hash.slice(2)}`,
    `1:${hash.toUpperCase()}`,
    `1: ${hash}`,
    `1:${hash}\n`,
    `1:0x${hash.slice(2)}`,
  ])("refuses %j, naming the field", (text) => {
    expect(() => parseExpectedRoot(text)).toThrow(
      expect.objectContaining({
        constructor: LedgerError,
        code: "INVALID_ARGUMENT",
        facts: expect.objectContaining({ reason: "EXPECTED_ROOT_INVALID", field: "expected_root" }),
      }),
    );
  });
});

describe("checkExpectedRoot()", () => {
  const { summary } = write(sampleEntries(3));

  test.each([hex(summary.root), hex(summary.seedRoot)])("takes the root of either profile: %s", (root) => {
    expect(() => checkExpectedRoot(parseExpectedRoot(`3:${root}`), summary)).not.toThrow();
  });

  test.each([`3:${hash}`, `2:${hex(summary.root)}`, `4:${hex(summary.seedRoot)}`])("refuses %s", (text) => {
    expect(() => checkExpectedRoot(parseExpectedRoot(text), summary)).toThrow(
      expect.objectContaining({
        constructor: LedgerError,
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(
          new RegExp(`^Snapshot has the roots 3:${hex(summary.root)} .*, expected_root is ${text}`),
        ),
        facts: expect.objectContaining({ reason: "SNAPSHOT_ROOT_MISMATCH", field: "expected_root" }),
      }),
    );
  });
});
