/**
 * Signed notes: text and the signatures below it. [C2SP signed-note](https://c2sp.org/signed-note)
 *
 * @module
 */

import { assert } from "../assert.ts";
import { base64, unbase64 } from "../base64.ts";
import { LedgerError, quote } from "../errors.ts";
import { limits } from "../limits.ts";
import { utf8Length } from "../utf8.ts";
import { isKeyName } from "./verifier-key.ts";

export interface Note {
  /** What is signed: the UTF-8 bytes of it, the last newline included. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface NoteSignature {
  /** Of the key. */
  readonly name: string;
  /** 32 bits. */
  readonly keyId: number;
  readonly signature: Uint8Array;
}

const signaturePrefix = "\u2014 ";
const keyIdBytes = 4;

/** Returns the note of a text that ends in a newline. */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  assert(text.endsWith("\n"), "the text of a note ends in a newline");
  let note = `${text}\n`;
  for (const { name, keyId, signature } of signatures) {
    assert(isKeyName(name), "a key has a name that can be written into a note");
    const bytes = new Uint8Array(keyIdBytes + signature.length);
    new DataView(bytes.buffer).setUint32(0, keyId);
    bytes.set(signature, keyIdBytes);
    note += `${signaturePrefix}${name} ${base64(bytes)}\n`;
  }
  return note;
}

/**
 * Returns what a note is made of; {@link formatNote} makes the same bytes of it again. Says nothing about who signed.
 * Throws INVALID_ARGUMENT.
 */
export function parseNote(note: string): Note {
  // Characters first: counting bytes takes as long as the text is.
  if (note.length > limits.noteBytesMax || utf8Length(note) > limits.noteBytesMax)
    throw malformed(`has more than ${limits.noteBytesMax} bytes`);
  if (!note.isWellFormed()) throw malformed("is not valid Unicode");
  if (/[\0-\u0009\u000b-\u001f]/.test(note)) throw malformed("has a control character");
  const blank = note.lastIndexOf("\n\n");
  if (blank < 0) throw malformed("has no blank line before its signatures");
  if (!note.endsWith("\n") || blank + 2 === note.length) throw malformed("does not end in a signature line");
  const lines = note.slice(blank + 2, -1).split("\n");
  if (lines.length > limits.noteSignaturesMax)
    throw malformed(`has ${lines.length} signatures, more than ${limits.noteSignaturesMax}`);
  return { text: note.slice(0, blank + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const space = line.indexOf(" ", signaturePrefix.length);
  const name = line.slice(signaturePrefix.length, space);
  if (!line.startsWith(signaturePrefix) || space < 0 || !isKeyName(name))
    throw malformed(`has ${quote(line)} where a signature line should be`);
  const bytes = unbase64(line.slice(space + 1));
  if (bytes === undefined || bytes.length <= keyIdBytes)
    throw malformed(`has a signature of ${quote(name)} that is not base64 of a key id and a signature`);
  const keyId = new DataView(bytes.buffer).getUint32(0);
  return { name, keyId, signature: bytes.slice(keyIdBytes) };
}

function malformed(fault: string): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", `Signed note ${fault}`, {
    reason: "NOTE_MALFORMED",
    remedy: "fetch it again, and keep its bytes as they are",
  });
}
