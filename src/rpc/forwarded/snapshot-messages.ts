import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { SnapshotStreamResponseSchema } from "../../gen/converge/ledger/v1/ledger_pb.ts";
import type { SnapshotPart } from "../../ledger/snapshots.ts";
import { snapshotMessage } from "../snapshot-message.ts";

export function encodeSnapshotPart(part: SnapshotPart): Uint8Array {
  return toBinary(SnapshotStreamResponseSchema, create(SnapshotStreamResponseSchema, snapshotMessage(part)));
}

/** Throws if it is no message; a chunk is a view of the bytes. */
export function decodeSnapshotPart(bytes: Uint8Array): SnapshotPart {
  const { part } = fromBinary(SnapshotStreamResponseSchema, bytes);
  if (part.case !== "summary") return { kind: "chunk", bytes: part.value ?? new Uint8Array() };
  const { sequence, sizeBytes, metadata } = part.value;
  const none = new Uint8Array();
  const { createdAtNs = 0n, entryCount = 0n, root = none, seedRoot = none } = metadata ?? {};
  const latestSequence = Number(sequence);
  const summary = { createdAtNs, count: Number(entryCount), latestSequence, root, seedRoot };
  return { kind: "summary", summary, bytes: Number(sizeBytes) };
}
