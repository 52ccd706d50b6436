import { decodeUtf8 } from "../../core/utf8.ts";
import { escapeText } from "./escape.ts";

const base64Mark = "base64:";

/** Control characters that text files do not have. */
const binary = /[\u{0}-\u{8}\u{B}\u{C}\u{E}-\u{1A}\u{1C}-\u{1F}\u{7F}-\u{9F}]/u;

/** Returns a payload on one line: escaped text if it is UTF-8 text, else `base64:` and its base64. */
export function payloadText(payload: Uint8Array): string {
  const text = readText(payload);
  if (text === undefined) return `${base64Mark}${payload.toBase64()}`;
  const escaped = escapeText(text);
  // What looks like the mark is not the mark.
  return escaped.startsWith(base64Mark) ? `\\u{62}${escaped.slice(1)}` : escaped;
}

function readText(payload: Uint8Array): string | undefined {
  try {
    const text = decodeUtf8(payload);
    return binary.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
