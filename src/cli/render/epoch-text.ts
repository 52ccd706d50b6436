import type { Epoch } from "../../gen/converge/ledger/v1/cluster_pb.ts";

/** Returns `COUNTER@NODE_ID`; `-` for none. */
export function epochText(epoch: Epoch | undefined): string {
  return epoch === undefined ? "-" : `${epoch.counter}@${epoch.nodeId}`;
}
