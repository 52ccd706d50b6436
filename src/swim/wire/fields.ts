import type { MsgpackWriter } from "./msgpack-writer.ts";
import { encodeUtf8 } from "../../core/utf8.ts";

/**
 * Names of the fields of all messages, which memberlist writes as text. Their places here are their numbers in
 * this program.
 */
const names = [
  "SeqNo",
  "Node",
  "SourceAddr",
  "SourcePort",
  "SourceNode",
  "Target",
  "Port",
  "Nack",
  "Payload",
  "Error",
  "Incarnation",
  "From",
  "Addr",
  "Meta",
  "Vsn",
  "Nodes",
  "UserStateLen",
  "Join",
  "Name",
  "State",
  "Algo",
  "Buf",
  "UserMsgLen",
] as const;

export const fields = {
  seqNo: 0,
  node: 1,
  sourceAddr: 2,
  sourcePort: 3,
  sourceNode: 4,
  target: 5,
  port: 6,
  nack: 7,
  payload: 8,
  error: 9,
  incarnation: 10,
  from: 11,
  addr: 12,
  meta: 13,
  vsn: 14,
  nodes: 15,
  userStateLen: 16,
  join: 17,
  name: 18,
  state: 19,
  algo: 20,
  buf: 21,
  userMsgLen: 22,
} as const;

/** Returns a set of fields, to be asked with `set & (1 << field)`. */
export function fieldSet(...members: readonly number[]): number {
  return members.reduce((set, field) => set | (1 << field), 0);
}

/** Returns the field whose name is a part of `bytes`; -1 if there is none. */
export function fieldAt(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 3) return -1;
  const field = slots[slotOf(bytes, start, end)] ?? -1;
  const name = encoded[field];
  // Their first bytes are the header of the raw.
  if (name === undefined || name.length !== 1 + end - start) return -1;
  for (let index = 1; index < name.length; index++) if (name[index] !== bytes[start + index - 1]) return -1;
  return field;
}

/** Writes the name of `field`. */
export function writeField(writer: MsgpackWriter, field: number): MsgpackWriter {
  return writer.verbatim(encoded[field] ?? noName);
}

const noName = new Uint8Array(0);
const encoded = names.map((name) => Uint8Array.of(0xa0 | name.length, ...encodeUtf8(name)));

/** No two names have the same slot; a test says so. */
function slotOf(bytes: Uint8Array, start: number, end: number): number {
  const fourthToLast = bytes[Math.max(start, end - 4)] ?? 0;
  return ((end - start) * 2 + (bytes[start] ?? 0) * 10 + fourthToLast + (bytes[start + 2] ?? 0)) & 63;
}

const slots = new Int8Array(64).fill(-1);
encoded.forEach((name, field) => {
  slots[slotOf(name, 1, name.length)] = field;
});
