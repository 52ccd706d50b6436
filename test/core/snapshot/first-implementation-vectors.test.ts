import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "bun:test";

import { hex } from "../../../src/core/hex.ts";
import index from "../../vectors/first-implementation/snapshots/corrupt/index.json";
import { readAny, refusalOfAny } from "./first-implementation-fixtures.ts";

const folder = join(import.meta.dir, "../../vectors/first-implementation/snapshots");

interface Vector {
  readonly file: string;
  readonly context_id: string;
  readonly merkle_root: string;
  readonly entry_count: number;
  readonly entries: readonly {
    readonly id: string;
    readonly key: string;
    readonly payload: string;
    readonly sequence: number;
    readonly appended_at_ns: string;
    readonly metadata: Readonly<Record<string, string>>;
    readonly lamport_clock: number;
  }[];
}

const names = readdirSync(folder).filter((name) => name.endsWith(".json"));

describe("a snapshot that the first implementation made", () => {
  test.each(names)("is read as what it holds: %s", (name) => {
    const vector = JSON.parse(readFileSync(join(folder, name), "utf8")) as Vector;
    const blob = readFileSync(join(folder, vector.file));
    for (const chunkBytes of [1, 100, blob.length]) {
      const { entries, ...rest } = readAny(blob, { chunkBytes });
      expect({ ...rest, seedRoot: hex(rest.seedRoot) }).toMatchObject({
        contextId: vector.context_id,
        count: vector.entry_count,
        seedRoot: vector.merkle_root,
        unverified: false,
      });
      const expected = vector.entries.map((entry) => ({
        id: entry.id,
        key: entry.key,
        payload: entry.payload,
        sequence: entry.sequence,
        appendedAtNs: BigInt(entry.appended_at_ns),
        metadata: entry.metadata,
        lamport: BigInt(entry.lamport_clock),
      }));
      const read = entries.map(({ contentHash: _hash, ...entry }) => ({
        ...entry,
        payload: Buffer.from(entry.payload).toString("base64"),
        metadata: Object.fromEntries(entry.metadata),
      }));
      expect(read).toEqual(expected);
    }
  });
});

/** How each damaged file is answered, and, where the first implementation loaded it, why we do (not). */
const outcomes: Readonly<Record<string, { readonly ours: string; readonly because?: string }>> = {
  truncated_10: { ours: "SNAPSHOT_DAMAGED: Snapshot is damaged: it cannot be unpacked" },
  truncated_header: { ours: "SNAPSHOT_TRUNCATED: Snapshot ends too early: it has 4 bytes" },
  bitflip_middle: { ours: "SNAPSHOT_DAMAGED: Snapshot is damaged: it cannot be unpacked" },
  bitflip_payload_uncompressed: { ours: "SNAPSHOT_DAMAGED: Snapshot is damaged: entry" },
  tampered_key: { ours: "SNAPSHOT_DAMAGED: Snapshot is damaged: entry" },
  tampered_context_id: { ours: "SNAPSHOT_DAMAGED: Snapshot is damaged: entry 1" },
  entry_removed_last: {
    ours: "SNAPSHOT_DAMAGED: Snapshot is damaged: its outer map: has sequence 10 and 9 entries",
  },
  wrong_root: { ours: "SNAPSHOT_ROOT_MISMATCH: Snapshot is damaged: its seed root is" },
  ACCEPTED_root_nil_tampered: {
    ours: "SNAPSHOT_ROOT_MISSING: Snapshot is version 2 and has no merkle_root",
    because: "version 2 without a root shows nothing",
  },
  ACCEPTED_lamport_tampered: {
    ours: "accepted",
    because: "nothing in version 2 covers lamport_clock, so nobody can tell",
  },
  ACCEPTED_content_hash_nil: {
    ours: "accepted",
    because: "the root covers the same fields; entries that came from a version 1 snapshot have no hash",
  },
  header_sequence_negative: {
    ours: "SNAPSHOT_DAMAGED: Snapshot is damaged: its outer map: has sequence -5 and 10 entries",
    because: "it made the next append get sequence 1 again",
  },
  ACCEPTED_payload_over_limit: {
    ours: "SNAPSHOT_LIMIT: Snapshot has a payload (entry 2) of 4194305 bytes, at most 4194304 are allowed",
    because: "no payload may be larger, however it comes",
  },
  version_3: {
    ours: "SNAPSHOT_VERSION_UNSUPPORTED: Snapshot is an Erlang external term of version 3, and only versions 1 and 2",
  },
  version_0: {
    ours: "SNAPSHOT_VERSION_UNSUPPORTED: Snapshot is an Erlang external term of version 0, and only versions 1 and 2",
    because: "there is no version 0",
  },
  v1_snapshot: {
    ours: "SNAPSHOT_UNVERIFIED: Snapshot is version 1, which has no root",
    because: "only with allow_unverified, and the answer says so",
  },
  entries_not_list: {
    ours: 'SNAPSHOT_DAMAGED: Snapshot is damaged: its outer map: "entries" is no list: byte',
  },
  sequence_missing: { ours: "SNAPSHOT_DAMAGED: Snapshot is damaged: its outer map: has no sequence" },
  entries_improper_list: { ours: "SNAPSHOT_DAMAGED: Snapshot is damaged: " },
  not_etf_json: { ours: "SNAPSHOT_DAMAGED: Snapshot is damaged: it begins with the bytes" },
  etf_empty_map: { ours: "SNAPSHOT_DAMAGED: Snapshot is damaged: its outer map: has no version" },
  etf_pid: {
    ours: 'SNAPSHOT_DAMAGED: Snapshot is damaged: its outer map: "a value" is no term that a snapshot has: byte',
  },
};

describe("a damaged snapshot of the first implementation", () => {
  test("is in the table, whichever it is", () => {
    expect(index.variants.map(({ name }) => name).sort()).toEqual(Object.keys(outcomes).sort());
  });

  test.each(index.variants.map(({ name, file, what }) => [name, what, file] as const))(
    "%s (%s) is answered as the table says",
    (name, _what, file) => {
      expect(refusalOfAny(readFileSync(join(folder, file)))).toStartWith(outcomes[name]?.ours ?? "");
    },
  );

  test("is answered as there, but where the table says why not", () => {
    const loadedThere = index.variants
      .filter(({ original }) => "ok" in original.load_into_new_context)
      .map(({ name }) => name);
    const explained = Object.entries(outcomes).flatMap(([name, { because }]) =>
      because === undefined ? [] : [name],
    );
    expect(loadedThere.sort()).toEqual(explained.sort());
  });
});
