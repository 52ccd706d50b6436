import { assert } from "../../core/assert.ts";
import { limits } from "../../core/limits.ts";
import { utf8Length, writeUtf8 } from "../../core/utf8.ts";
import { messageTypes } from "./message-types.ts";

/** Returns the bytes that go before packets and streams of a cluster with this label; none for the empty label. */
export function labelHeader(label: string): Uint8Array {
  const length = utf8Length(label);
  assert(length <= limits.gossipLabelBytesMax, "a label is at most 255 bytes");
  if (length === 0) return new Uint8Array(0);
  const header = new Uint8Array(labelHeaderOverhead + length);
  header[0] = messageTypes.label;
  header[1] = length;
  writeUtf8(header, labelHeaderOverhead, label);
  return header;
}

/** Bytes of a label header beside the label. */
export const labelHeaderOverhead = 2;

/**
 * Compares what `bytes` begin with, from `start` to `end`, to a label header. Undefined means that more bytes are
 * needed to tell. Without a label of ours, bytes that begin with one are others'.
 */
export function startsWithLabel(
  bytes: Uint8Array,
  start: number,
  end: number,
  header: Uint8Array,
): boolean | undefined {
  if (header.length === 0) return start < end ? bytes[start] !== messageTypes.label : undefined;
  const length = Math.min(header.length, end - start);
  for (let index = 0; index < length; index++) if (bytes[start + index] !== header[index]) return false;
  return length === header.length ? true : undefined;
}
