import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { VerifyContextResponseSchema } from "../../gen/converge/ledger/v1/integrity_pb.ts";
import type { VerifyStep } from "../../ledger/integrity.ts";
import { verifyMessage } from "../integrity-service.ts";

export function encodeVerifyStep(step: VerifyStep): Uint8Array {
  return toBinary(VerifyContextResponseSchema, create(VerifyContextResponseSchema, verifyMessage(step)));
}

/** Throws if it is no message. */
export function decodeVerifyStep(bytes: Uint8Array): VerifyStep {
  const { step } = fromBinary(VerifyContextResponseSchema, bytes);
  switch (step.case) {
    case "damage":
      return { kind: "damage", sequence: Number(step.value.sequence), detail: step.value.detail };
    case "result": {
      const { treeSize, root, damaged } = step.value;
      return { kind: "result", head: { size: Number(treeSize), root }, damaged: Number(damaged) };
    }
    case "progress":
      return { kind: "progress", verified: Number(step.value.verified), total: Number(step.value.total) };
    case undefined:
      return { kind: "progress", verified: 0, total: 0 };
  }
}
