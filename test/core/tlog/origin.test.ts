import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LedgerError } from "../../../src/core/errors.ts";
import {
  checkLogName,
  contextOrigin,
  escapeContextId,
  parseContextOrigin,
  parseLogSegment,
  unescapeContextId,
} from "../../../src/core/tlog/origin.ts";
import vectors from "../../vectors/entry-v1.json";

const anyId = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });

describe("escapeContextId()", () => {
  test.each([
    ["abcXYZ019-._~", "abcXYZ019-._~"],
    ["a/b c", "a%2Fb%20c"],
    ["!'()*@+%", "%21%27%28%29%2A%40%2B%25"],
    ["é", "%C3%A9"],
    ["e\u0301", "e%CC%81"],
    ["😀", "%F0%9F%98%80"],
    ["\uFEFF\0\n", "%EF%BB%BF%00%0A"],
  ])("turns %j into %s, and back", (id, escaped) => {
    expect(escapeContextId(id)).toBe(escaped);
    expect(unescapeContextId(escaped)).toBe(id);
  });

  test("writes unreserved characters only, and every id has its own text", () => {
    fc.assert(
      fc.property(anyId, (id) => {
        const escaped = escapeContextId(id);
        expect(escaped).toMatch(/^(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+$/);
        expect(unescapeContextId(escaped)).toBe(id);
      }),
    );
  });

  test("escapes each byte by itself", () => {
    fc.assert(
      fc.property(anyId, (id) => {
        let expected = "";
        for (const byte of Buffer.from(id)) {
          const char = String.fromCharCode(byte);
          expected += /[A-Za-z0-9._~-]/.test(char)
            ? char
            : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
        }
        expect(escapeContextId(id)).toBe(expected);
      }),
    );
  });
});

describe("unescapeContextId()", () => {
  test.each([
    ["lower-case digits", "a%2fb"],
    ["an escape that is not needed", "%41"],
    ["half an escape", "a%2"],
    ["a percent sign", "100%"],
    ["a character that must be escaped", "a b"],
    ["a slash", "a/b"],
    ["a plus", "a+b"],
    ["an at sign", "a@2"],
    ["invalid UTF-8", "%FF"],
    ["an overlong form", "%C0%AF"],
    ["half a surrogate pair", "%ED%A0%80"],
    ["a letter that is not ASCII", "é"],
  ])("refuses %s", (_, text) => {
    expect(unescapeContextId(text)).toBeUndefined();
  });

  test("takes no text but the one that escapeContextId() writes", () => {
    const piece = fc.constantFrom(
      "a",
      "~",
      "%",
      "%2F",
      "%2f",
      "%41",
      "%C3",
      "%A9",
      "%C3%A9",
      "@",
      "/",
      " ",
      "%80",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const text = pieces.join("");
        const id = unescapeContextId(text);
        expect(id === undefined || escapeContextId(id) === text).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("parseLogSegment()", () => {
  test("gives back what contextOrigin() was given", () => {
    fc.assert(
      fc.property(anyId, fc.integer({ min: 1, max: 2 ** 53 - 1 }), (contextId, generation) => {
        const origin = contextOrigin("ledger.example/n1", contextId, generation);
        const segment = origin.slice("ledger.example/n1/".length);
        expect(parseLogSegment(segment)).toEqual({ contextId, generation });
        expect(parseContextOrigin(origin)).toEqual({ logName: "ledger.example/n1", contextId, generation });
      }),
    );
  });

  test.each([
    "",
    "@2",
    "a@",
    "a@0",
    "a@1",
    "a@02",
    "a@+2",
    "a@2 ",
    "a@2@3",
    "a@9007199254740992",
    "a@1e3",
    "a@-2",
    "a/b",
    "a%2fb",
  ])("refuses %j", (text) => {
    expect(parseLogSegment(text)).toBeUndefined();
  });

  test("takes the longest id there is, and no longer one", () => {
    const contextId = "é".repeat(512);
    expect(parseLogSegment(escapeContextId(contextId))).toEqual({ contextId, generation: 1 });
    expect(parseLogSegment(escapeContextId(`${contextId}a`))).toBeUndefined();
  });
});

describe("contextOrigin()", () => {
  test("writes the origin of the worked example", () => {
    expect(contextOrigin("ledger.example/n1", "audit/2026 é", 1)).toBe(vectors.checkpoint.origin);
  });

  test("writes later generations", () => {
    expect(contextOrigin("a", "b", 12)).toBe("a/b@12");
  });
});

describe("parseContextOrigin()", () => {
  test.each(["a", "/a", "a/", "a b/c", "a/b@1", "é/b", `${"a".repeat(201)}/b`])("refuses %j", (origin) => {
    expect(parseContextOrigin(origin)).toBeUndefined();
  });
});

describe("checkLogName()", () => {
  test.each(["a", "converge.local", "ledger.example/n-1_X", "a".repeat(200)])("takes %s", (name) => {
    expect(() => checkLogName(name)).not.toThrow();
  });

  test.each(["", "a b", "a+b", "a@2", "é", "a%20", "a\n", "a".repeat(201)])("refuses %j", (name) => {
    expect(() => checkLogName(name)).toThrow(
      expect.objectContaining({
        constructor: LedgerError,
        code: "INVALID_ARGUMENT",
        facts: expect.objectContaining({ reason: "LOG_NAME_INVALID", field: "log_name" }),
      }),
    );
  });
});
