import { describe, expect, test } from "bun:test";
import { NameTable } from "../../src/swim/name-table.ts";
import { nodeStatePrefix } from "../../src/swim/wire/encode-message.ts";
import { ledgerVersions, placeOf } from "./solo-node.ts";

const parts = { endpoint: placeOf("b"), meta: Uint8Array.of(0xfe, 0x80), versions: ledgerVersions };

describe("NameTable", () => {
  test("gives each name a slot, the same to all who hold it", () => {
    const table = new NameTable();
    expect(["b", "c", "b"].map((name) => table.hold(name))).toEqual([0, 1, 0]);
    expect([table.find("b"), table.find("c"), table.find("d"), table.slotsEnd]).toEqual([0, 1, -1, 2]);
    expect(table.nameOf(1)).toBe("c");
  });

  test("uses a slot anew once its last holder has released it", () => {
    const table = new NameTable();
    table.hold("b");
    table.hold("b");
    table.hold("c");
    table.release(0);
    expect([table.find("b"), table.hold("d")]).toEqual([0, 2]);
    table.release(0);
    expect([table.find("b"), table.hold("e"), table.nameOf(0), table.slotsEnd]).toEqual([-1, 0, "e", 3]);
  });

  test("of a slot that nobody holds neither tells the name nor takes it back", () => {
    const table = new NameTable();
    table.hold("b");
    table.release(0);
    expect(() => table.nameOf(0)).toThrow("a slot in use has a name");
    expect(() => table.release(0)).toThrow("released once by each holder");
  });
});

describe("NameTable.profile()", () => {
  test("is what was said, with its encoded form", () => {
    const table = new NameTable();
    const prefix = nodeStatePrefix({
      name: "b",
      ...parts.endpoint,
      meta: parts.meta,
      versions: ledgerVersions,
    });
    expect(table.profile(table.hold("b"), parts)).toEqual({
      ...{ name: "b", ...parts, prefix },
      strangeVersions: undefined,
    });
  });

  test("of equal parts is the same", () => {
    const table = new NameTable();
    const slot = table.hold("b");
    const profile = table.profile(slot, parts);
    expect(table.profile(slot, { ...parts, endpoint: placeOf("b"), meta: parts.meta.slice() })).toBe(profile);
  });

  test.each([
    ["address", { endpoint: { ...parts.endpoint, address: Uint8Array.of(200, 0, 0, 12) } }],
    ["port", { endpoint: { ...parts.endpoint, port: 7947 } }],
    ["meta", { meta: Uint8Array.of(0xfe, 0x81) }],
    ["versions", { versions: ledgerVersions.with(5, 2) }],
  ])("of another %s is another", (_, other) => {
    const table = new NameTable();
    const slot = table.hold("b");
    table.profile(slot, parts);
    const changed = table.profile(slot, { ...parts, ...other });
    expect(changed).toMatchObject({ name: "b", ...parts, ...other });
    expect(table.profile(slot, { ...parts, ...other })).toBe(changed);
  });

  test("is forgotten with its name", () => {
    const table = new NameTable();
    table.profile(table.hold("b"), parts);
    table.release(0);
    expect(table.profile(table.hold("c"), parts).name).toBe("c");
  });
});
