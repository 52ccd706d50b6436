import type { MessageInitShape } from "@bufbuild/protobuf";
import { snapshotVersion } from "../core/snapshot/snapshot-format.ts";
import type { SnapshotMetadataSchema } from "../gen/converge/context/v1/context_pb.ts";
import type { SnapshotFacts } from "../ledger/snapshots.ts";

/** Returns what a snapshot answer says about the snapshot. */
export function snapshotMetadata(summary: SnapshotFacts): MessageInitShape<typeof SnapshotMetadataSchema> {
  return {
    createdAtNs: summary.createdAtNs,
    entryCount: BigInt(summary.count),
    version: snapshotVersion,
    root: summary.root,
    seedRoot: summary.seedRoot,
  };
}
