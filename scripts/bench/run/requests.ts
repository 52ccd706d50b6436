import { create, toBinary } from "@bufbuild/protobuf";
import {
  AppendRequestSchema,
  GetRequestSchema,
  WatchRequestSchema,
} from "../../../src/gen/converge/context/v1/context_pb.ts";
import {
  AppendBatchRequestSchema,
  AppendStreamRequestSchema,
} from "../../../src/gen/converge/ledger/v1/ledger_pb.ts";

export const paths = {
  append: "/converge.context.v1.ContextService/Append",
  get: "/converge.context.v1.ContextService/Get",
  watch: "/converge.context.v1.ContextService/Watch",
  appendBatch: "/converge.ledger.v1.LedgerService/AppendBatch",
  appendStream: "/converge.ledger.v1.LedgerService/AppendStream",
} as const;

export const payloadBytes = 256;
const key = "facts";

/** A payload that does not compress, the same in every run. */
export function payload(bytes = payloadBytes): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
}

export function appendBody(contextId: string, { proof = false } = {}): Uint8Array {
  return toBinary(
    AppendRequestSchema,
    create(AppendRequestSchema, { contextId, key, payload: payload(), proof }),
  );
}

export function appendBatchBody(contextId: string, count: number, bytes = payloadBytes): Uint8Array {
  const entries = Array.from({ length: count }, () => ({ key, payload: payload(bytes) }));
  return toBinary(AppendBatchRequestSchema, create(AppendBatchRequestSchema, { contextId, entries }));
}

export function appendStreamMessage(contextId: string, count: number, { proof = false } = {}): Uint8Array {
  const entries = Array.from({ length: count }, () => ({ key, payload: payload() }));
  return toBinary(
    AppendStreamRequestSchema,
    create(AppendStreamRequestSchema, { contextId, entries, proof }),
  );
}

export function getBody(contextId: string, afterSequence: number, limit: number): Uint8Array {
  return toBinary(
    GetRequestSchema,
    create(GetRequestSchema, { contextId, afterSequence: BigInt(afterSequence), limit }),
  );
}

export function watchBody(contextId: string): Uint8Array {
  return toBinary(WatchRequestSchema, create(WatchRequestSchema, { contextId }));
}
