import { unhex } from "../../../src/core/hex.ts";
import type { PacketMessage, StreamMessage } from "../../../src/swim/wire/messages.ts";
import vectors from "../../vectors/memberlist/wire.json" with { type: "json" };

const byteFields = new Set(["address", "payload", "meta", "versions", "bytes", "userState"]);

/** What Go programs send and expect; the file says how it was made. */
export const golden = {
  messages: vectors.messages.map(({ name, value, bytes }) => ({
    name,
    value: revived(value) as PacketMessage,
    bytes: unhexed(bytes),
  })),
  packets: vectors.packets.map(({ name, label, key, kinds, bytes }) => ({
    name,
    label,
    keys: key === "" ? [] : [unhexed(key)],
    kinds,
    bytes: unhexed(bytes),
  })),
  streams: vectors.streams.map(({ name, value, label, key, fromDialler, bytes }) => ({
    name,
    value: revived(value) as StreamMessage,
    label,
    keys: key === "" ? [] : [unhexed(key)],
    fromDialler,
    bytes: unhexed(bytes),
  })),
  lzw: vectors.lzw.map((one) => ({ ...one, plain: pattern(one) })),
  crc32: vectors.crc32.map((one) => ({ crc: one.crc, plain: pattern(one) })),
};

/** Returns the bytes that the vectors describe by these three numbers. */
export function pattern({
  length,
  seed,
  alphabet,
}: {
  length: number;
  seed: number;
  alphabet: number;
}): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = (state >>> 16) % alphabet;
  }
  return bytes;
}

/** Returns a message in JSON as the program has it: bytes for hex, and a source that is undefined if there is none. */
function revived(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revived);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([field, one]) => [
    field,
    byteFields.has(field) ? unhexed(String(one)) : revived(one),
  ]);
  const revivedValue = Object.fromEntries(entries) as Record<string, unknown>;
  const isProbe = revivedValue["kind"] === "ping" || revivedValue["kind"] === "indirect-ping";
  return isProbe ? { source: undefined, ...revivedValue } : revivedValue;
}

function unhexed(text: string): Uint8Array {
  const bytes = unhex(text);
  if (bytes === undefined) throw new Error(`not hexadecimal: ${text.slice(0, 40)}`);
  return bytes;
}
