/**
 * The values that messages between nodes are made of, read and written. What is read is checked.
 *
 * @module
 */

import { assert } from "../../core/assert.ts";
import { type Epoch, noEpoch } from "../../core/epoch.ts";
import { LedgerError } from "../../core/errors.ts";
import { hex, unhex } from "../../core/hex.ts";
import { limits } from "../../core/limits.ts";
import { checkContextId } from "../../core/validate.ts";
import type { Holding, PeerRow, Position } from "../../sync/peer-messages.ts";
import { invalid, type WireReader } from "./wire-reader.ts";
import type { WireWriter } from "./wire-writer.ts";

export const hashBytes = 32;
const nodeIdBytes = 16;
export const noBytes: Uint8Array = new Uint8Array(0);
/** What the framing of one row takes at most. */
const rowFramingBytes = 64;

export function writeNodeId(writer: WireWriter, field: number, nodeId: string): void {
  const bytes = unhex(nodeId);
  assert(bytes?.length === nodeIdBytes, "a node id is 16 bytes in hexadecimal digits");
  writer.always(field, bytes);
}

export function readNodeId(reader: WireReader, name: string): string {
  return hex(reader.exactly(name, nodeIdBytes));
}

export function writeHolders(writer: WireWriter, field: number, holders: readonly string[]): void {
  for (const nodeId of holders) writeNodeId(writer, field, nodeId);
}

/** Adds the next holder to `into`. */
export function readHolder(reader: WireReader, into: string[]): void {
  add(into, readNodeId(reader, "holders"), "holders", limits.holdersMax);
}

export function writeEpoch(writer: WireWriter, field: number, { counter, nodeId }: Epoch): void {
  writer.message(field, () => {
    writer.uint(1, counter);
    if (nodeId !== "") writeNodeId(writer, 2, nodeId);
  });
}

export function readEpoch(reader: WireReader, name: string): Epoch {
  return reader.message(name, () => {
    let { counter, nodeId } = noEpoch;
    while (reader.next()) {
      if (reader.field === 1) counter = reader.uint(`${name}.counter`);
      else if (reader.field === 2) nodeId = readNodeId(reader, `${name}.node_id`);
    }
    if ((counter === 0) !== (nodeId === "")) throw invalid(`${name}.node_id`, "does not go with the counter");
    return { counter, nodeId };
  });
}

export function writePosition(writer: WireWriter, field: number, { latest, root }: Position): void {
  writer.message(field, () => writer.uint(1, latest).bytes(2, root));
}

export function readPosition(reader: WireReader, name: string): Position {
  return reader.message(name, () => {
    let latest = 0;
    let root = noBytes;
    while (reader.next()) {
      if (reader.field === 1) latest = reader.uint(`${name}.latest`);
      else if (reader.field === 2) root = reader.exactly(`${name}.root`, hashBytes);
    }
    return { latest, root: hash(root, `${name}.root`) };
  });
}

/** About as many bytes as `rows` take. */
export function sizeOfRows(rows: readonly PeerRow[]): number {
  let bytes = 0;
  for (const { wire } of rows) bytes += wire.length + rowFramingBytes;
  return bytes;
}

/** The sequence is that of an offer; 0 elsewhere. */
export function writeRow(writer: WireWriter, field: number, row: PeerRow, sequence = 0): void {
  const { contentHash, wire } = row;
  writer.message(field, () => writer.bytes(1, contentHash).bytes(2, wire).uint(3, sequence));
}

/** The arrays of the row are views of what is read. */
export function readRow(reader: WireReader): PeerRow & { readonly sequence: number } {
  return reader.message("rows", () => {
    let contentHash = noBytes;
    let wire = noBytes;
    let sequence = 0;
    while (reader.next()) {
      if (reader.field === 1) contentHash = reader.exactly("rows.content_hash", hashBytes);
      else if (reader.field === 2) wire = reader.bytes("rows.wire", limits.entryWireBytesMax);
      else if (reader.field === 3) sequence = reader.uint("rows.sequence");
    }
    if (wire.length === 0) throw invalid("rows.wire", "is missing");
    return { contentHash: hash(contentHash, "rows.content_hash"), wire, sequence };
  });
}

/** Adds the next row to `into`, without a sequence. */
export function readPlainRow(reader: WireReader, into: PeerRow[]): void {
  const { contentHash, wire } = readRow(reader);
  add(into, { contentHash, wire }, "rows", limits.peerRowsMax);
}

export function writeHolding(writer: WireWriter, field: number, holding: Holding): void {
  writer.message(field, () => {
    writePosition(writer, 1, holding);
    writeHolders(writer, 2, holding.holders);
    writeEpoch(writer, 3, holding.promised);
    writeEpoch(writer, 4, holding.accepted);
    writer.uint(5, holding.committed).bool(6, holding.leaving);
  });
}

export function readHolding(reader: WireReader, name: string): Holding {
  return reader.message(name, () => {
    let position: Position | undefined;
    const holders: string[] = [];
    let promised = noEpoch;
    let accepted = noEpoch;
    let committed = 0;
    let leaving = false;
    while (reader.next()) {
      if (reader.field === 1) position = readPosition(reader, `${name}.position`);
      else if (reader.field === 2) readHolder(reader, holders);
      else if (reader.field === 3) promised = readEpoch(reader, `${name}.promised`);
      else if (reader.field === 4) accepted = readEpoch(reader, `${name}.accepted`);
      else if (reader.field === 5) committed = reader.uint(`${name}.committed`);
      else if (reader.field === 6) leaving = reader.bool(`${name}.leaving`);
    }
    if (position === undefined) throw invalid(`${name}.position`, "is missing");
    return { ...position, holders, promised, accepted, committed, leaving };
  });
}

export function readContextId(reader: WireReader): string {
  return reader.text("context_id", limits.contextIdBytesMax);
}

/** Returns `id` if it can name a context. */
export function contextId(id: string): string {
  try {
    checkContextId(id);
  } catch (error) {
    if (error instanceof LedgerError) throw invalid("context_id", error.message);
    throw error;
  }
  return id;
}

/** Returns `bytes` if it is a hash, which a field that was left out is not. */
export function hash(bytes: Uint8Array, name: string): Uint8Array {
  if (bytes.length !== hashBytes) throw invalid(name, "is missing");
  return bytes;
}

/** Adds `value` to `into`, which must not have more than `countMax` elements. */
export function add<T>(into: T[], value: T, name: string, countMax: number): void {
  if (into.length >= countMax) throw invalid(name, `has more than ${countMax} elements`, { limit: countMax });
  into.push(value);
}
