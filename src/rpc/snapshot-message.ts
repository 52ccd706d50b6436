import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SnapshotStreamResponseSchema } from "../gen/converge/ledger/v1/ledger_pb.ts";
import type { SnapshotPart } from "../ledger/snapshots.ts";
import { snapshotMetadata } from "./snapshot-metadata.ts";

/** Returns a part of a snapshot as a message of SnapshotStream. */
export function snapshotMessage(part: SnapshotPart): MessageInitShape<typeof SnapshotStreamResponseSchema> {
  if (part.kind === "chunk") return { part: { case: "chunk", value: part.bytes } };
  const { summary, bytes } = part;
  const sequence = BigInt(summary.latestSequence);
  const value = { sequence, sizeBytes: BigInt(bytes), metadata: snapshotMetadata(summary) };
  return { part: { case: "summary", value } };
}
