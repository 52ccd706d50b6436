import { describe, expect, test } from "bun:test";
import { encodeUtf8 } from "../../../src/core/utf8.ts";
import { fieldAt, fields, fieldSet, writeField } from "../../../src/swim/wire/fields.ts";
import { MsgpackWriter } from "../../../src/swim/wire/msgpack-writer.ts";

const names = Object.entries(fields).map(
  ([name, field]) => [`${name.slice(0, 1).toUpperCase()}${name.slice(1)}`, field] as const,
);

function find(name: string): number {
  const bytes = encodeUtf8(`..${name}..`);
  return fieldAt(bytes, 2, bytes.length - 2);
}

describe("fields", () => {
  test.each(names)("%s is found by its name, and by no other", (name, field) => {
    expect(find(name)).toBe(field);
    const others = [name.toLowerCase(), name.slice(1), name.slice(0, -1), `${name}s`, `x${name}`];
    expect(others.map(find).filter((found) => found === field)).toEqual([]);
    for (let index = 0; index < name.length; index++)
      expect(find(`${name.slice(0, index)}~${name.slice(index + 1)}`)).toBe(-1);
  });

  test.each(["", "a", "ab", "N", "Unknown", "é", "x".repeat(300)])("%p is none", (name) => {
    expect(find(name)).toBe(-1);
  });

  test.each(names)("%s is written as a raw", (name, field) => {
    expect(writeField(new MsgpackWriter(1), field).copy()).toEqual(
      Uint8Array.from([0xa0 + name.length, ...encodeUtf8(name)]),
    );
  });

  test("fit into one set", () => {
    const set = fieldSet(...names.map(([, field]) => field));
    expect(set).toBe(2 ** names.length - 1);
  });
});
