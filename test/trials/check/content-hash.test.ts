import { expect, test } from "bun:test";
import { contentHashOf, type EntryJson } from "../../../scripts/trials/record/content-hash.ts";
import { expectedEntryHash } from "../../support/expected-entry-hash.ts";

test("contentHashOf() agrees with the other implementation of the tests", () => {
  const entry: EntryJson = {
    ...{ id: "i", key: "k", payload: btoa("payload"), sequence: "7", appendedAtNs: "1796077204098480000" },
    ...{ lamport: "9", metadata: { b: "2", a: "1", ä: "3" }, contentHash: "" },
  };
  expect(contentHashOf("ctx", entry)).toBe(expectedEntryHash("ctx", { ...entry }));
});
