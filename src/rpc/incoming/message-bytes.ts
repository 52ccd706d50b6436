import type { DescMethod } from "@bufbuild/protobuf";
import { limits } from "../../core/limits.ts";
import { ContextService } from "../../gen/converge/context/v1/context_pb.ts";
import { DiscoveryService } from "../../gen/converge/ledger/v1/discovery_pb.ts";
import { LedgerService } from "../../gen/converge/ledger/v1/ledger_pb.ts";

const bounds = new Map<DescMethod, number>([
  [ContextService.method.append, limits.appendRequestBytesMax],
  [ContextService.method.load, limits.loadRequestBytesMax],
  [LedgerService.method.appendBatch, limits.requestBytesMax],
  [LedgerService.method.appendStream, limits.requestBytesMax],
  [DiscoveryService.method.broadcast, limits.broadcastRequestBytesMax],
  [LedgerService.method.loadStream, limits.appendRequestBytesMax],
]);

/** Returns how many bytes one request message of a method may have, in any form, decompressed. */
export function messageBytesMax(method: DescMethod): number {
  return bounds.get(method) ?? limits.smallRequestBytesMax;
}
