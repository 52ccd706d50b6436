import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LedgerError } from "../../../src/core/errors.ts";
import { limits } from "../../../src/core/limits.ts";
import { checkpointBody, parseCheckpoint } from "../../../src/core/tlog/checkpoint.ts";
import { formatNote, parseNote } from "../../../src/core/tlog/signed-note.ts";
import { encodeUtf8 } from "../../../src/core/utf8.ts";
import { privateKeyOfSeed, signEd25519 } from "../../../src/node/ed25519.ts";
import vectors from "../../vectors/entry-v1.json";

const { origin, note, ed25519_seed } = vectors.checkpoint;
const root = new Uint8Array(Buffer.from(vectors.rfc6962.roots[3] ?? "", "hex"));
const line = note.slice(note.indexOf("\u2014"));
const text = note.slice(0, note.indexOf("\n\n") + 1);

describe("signed notes", () => {
  test("the one of the worked example is written byte for byte", () => {
    const body = checkpointBody({ origin, size: 3, root });
    const key = privateKeyOfSeed(new Uint8Array(Buffer.from(ed25519_seed, "hex")));
    const signature = signEd25519(key, encodeUtf8(body));
    expect(formatNote(body, [{ name: origin, keyId: 0x38_2b_64_70, signature }])).toBe(note);
  });

  test("the one of the worked example is read", () => {
    const parsed = parseNote(note);
    expect(parsed.signatures.map(({ name, keyId, signature }) => [name, keyId, signature.length])).toEqual([
      [origin, 0x38_2b_64_70, 64],
    ]);
    expect(parseCheckpoint(parsed.text)).toEqual({ origin, size: 3, root });
  });

  test("a text may have empty lines", () => {
    expect(parseNote(`a\n\nb\n\n${line}`).text).toBe("a\n\nb\n");
  });

  test("whatever parseNote() takes, formatNote() writes again", () => {
    const piece = fc.constantFrom(
      text,
      line,
      "\n",
      "\u2014 ",
      "n AAAAAAA=\n",
      "\u2014 n AAAAAAA=\n",
      "x",
      " ",
      "=",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const candidate = pieces.join("");
        const again = ((): string => {
          try {
            const { text, signatures } = parseNote(candidate);
            return formatNote(text, signatures);
          } catch (error) {
            expect(error).toBeInstanceOf(LedgerError);
            return candidate;
          }
        })();
        expect(again).toBe(candidate);
      }),
      { numRuns: 3000 },
    );
  });

  test("as many signatures as every verifier must accept are read", () => {
    expect(parseNote(text + "\n" + line.repeat(16)).signatures).toHaveLength(16);
  });

  test.each([
    ["nothing", ""],
    ["text alone", text],
    ["text and a blank line", `${text}\n`],
    ["no newline at its end", note.slice(0, -1)],
    ["a line that is no signature", `${note}x\n`],
    ["a hyphen for the dash", note.replace("\u2014", "-")],
    ["no name", note.replace(`\u2014 ${origin}`, "\u2014 ")],
    ["a plus in a name", note.replace(`\u2014 ${origin}`, "\u2014 a+b")],
    ["a wide space in a name", note.replace(`\u2014 ${origin}`, "\u2014 a\u3000b")],
    ["two spaces", note.replace(`\u2014 ${origin} `, `\u2014 ${origin}  `)],
    ["a signature of the key id alone", note.replace(/ [^ ]*\n$/, " OCtkcA==\n")],
    ["no signature", note.replace(/ [^ ]*\n$/, " \n")],
    ["a bit that no byte has", note.replace(/U=\n$/, "V=\n")],
    ["a carriage return", note.replace("\n3\n", "\r\n3\n")],
    ["a tab", note.replace("\n3\n", "\n3\t\n")],
    ["a lone surrogate", `\uD800${note}`],
    ["too many signatures", text + "\n" + "\u2014 n AAAAAAA=\n".repeat(limits.noteSignaturesMax + 1)],
    ["too many bytes", "é".repeat(limits.noteBytesMax / 2) + note],
  ])("parseNote() refuses %s", (_, candidate) => {
    expect(() => parseNote(candidate)).toThrow(
      expect.objectContaining({
        constructor: LedgerError,
        code: "INVALID_ARGUMENT",
        facts: expect.objectContaining({ reason: "NOTE_MALFORMED" }),
      }),
    );
  });
});

describe("parseCheckpoint()", () => {
  const rootLine = text.split("\n")[2] ?? "";

  test("gives back what checkpointBody() was given", () => {
    for (const size of [0, 1, 2 ** 53 - 1])
      expect(parseCheckpoint(checkpointBody({ origin, size, root }))).toEqual({ origin, size, root });
  });

  test.each([
    ["nothing", ""],
    ["two lines", `${origin}\n3\n`],
    ["no newline at its end", text.slice(0, -1)],
    ["an extension line", `${text}extension\n`],
    ["an empty line", `${text}\n`],
    ["an empty origin", text.replace(origin, "")],
    ["an origin with a space", text.replace(origin, "a b")],
    ["a leading zero", text.replace("\n3\n", "\n03\n")],
    ["a sign", text.replace("\n3\n", "\n+3\n")],
    ["an empty size", text.replace("\n3\n", "\n\n")],
    ["a size that is not exact", text.replace("\n3\n", "\n9007199254740992\n")],
    ["a size without end", text.replace("\n3\n", `\n${"9".repeat(1000)}\n`)],
    ["digits that are not ASCII", text.replace("\n3\n", "\n\u0663\n")],
    ["a short root", text.replace(rootLine, rootLine.slice(4))],
    ["a root with a bit that no byte has", text.replace(/c=\n$/, "d=\n")],
  ])("refuses %s", (_, candidate) => {
    expect(() => parseCheckpoint(candidate)).toThrow(
      expect.objectContaining({
        constructor: LedgerError,
        code: "INVALID_ARGUMENT",
        facts: expect.objectContaining({ reason: "CHECKPOINT_MALFORMED" }),
      }),
    );
  });
});
