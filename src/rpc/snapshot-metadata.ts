import type { MessageInitShape } from "@bufbuild/protobuf";
import { snapshotVersion, type SnapshotSummary } from "../core/snapshot/snapshot-format.ts";
import type { SnapshotMetadataSchema } from "../gen/converge/context/v1/context_pb.ts";

/** Returns what a snapshot answer says about the snapshot. */
export function snapshotMetadata(summary: SnapshotSummary): MessageInitShape<typeof SnapshotMetadataSchema> {
  return {
    createdAtNs: summary.createdAtNs,
    entryCount: BigInt(summary.count),
    version: snapshotVersion,
    root: summary.root,
    seedRoot: summary.seedRoot,
  };
}
