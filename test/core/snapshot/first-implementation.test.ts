import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "bun:test";

import { refusal } from "./snapshot-fixtures.ts";

const folder = join(import.meta.dir, "../../vectors/first-implementation/snapshots");

const blobs: [file: string, named: string][] = [
  ["empty.bin", "version 2"],
  ["one.bin", "version 1 or 2"],
  ["unicode.bin", "version 1 or 2"],
  ["variant_otp26_utf8_atoms.bin", "version 1 or 2"],
  ["corrupt/bitflip_payload_uncompressed.bin", "version 2"],
  ["corrupt/v1_snapshot.bin", "version 1 or 2"],
  ["corrupt/truncated_header.bin", "version 1 or 2"],
];

test.each(blobs)("a snapshot of the first implementation is refused by name: %s is %s", (file, named) => {
  expect(refusal(readFileSync(join(folder, file)))).toBe(
    `SNAPSHOT_VERSION_UNSUPPORTED: Snapshot is ${named} (Erlang external term), and only version 3 can be loaded; ` +
      "take the snapshot with a server that writes version 3",
  );
});

test("one byte is enough to know it", () => {
  expect(refusal(new Uint8Array([131]))).toContain("Snapshot is version 1 or 2 (Erlang external term)");
});

const terms: [name: string, term: number[], named: string][] = [
  ["an old atom", [131, 116, 0, 0, 0, 1, 100, 0, 7, ...Buffer.from("version"), 97, 1], "version 1"],
  ["a new atom", [131, 116, 0, 0, 0, 1, 119, 7, ...Buffer.from("version"), 97, 2], "version 2"],
  ["text that is no atom", [131, 109, 0, 0, 0, 7, ...Buffer.from("version"), 97, 1], "version 1 or 2"],
  [
    "an atom that ends the chunk",
    [131, 116, 0, 0, 0, 1, 119, 7, ...Buffer.from("version"), 97],
    "version 1 or 2",
  ],
];
test.each(terms)("the version is taken from %s", (_name, term, named) => {
  expect(refusal(new Uint8Array(term))).toContain(`Snapshot is ${named} (Erlang external term)`);
});
