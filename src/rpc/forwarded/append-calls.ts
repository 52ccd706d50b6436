import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { AppendInput } from "../../core/validate.ts";
import { AppendRequestSchema } from "../../gen/converge/context/v1/context_pb.ts";
import {
  AppendBatchRequestSchema,
  AppendBatchResponseSchema,
} from "../../gen/converge/ledger/v1/ledger_pb.ts";
import { AppendAnswerSchema } from "../../gen/converge/peer/v1/forward_pb.ts";
import type { Appended, Receipt } from "../../ledger/append-unit.ts";
import { writeAppendAnswer, writeBatchAnswer } from "../fast/plain-answers.ts";
import { readAppend, readBatch } from "../fast/plain-requests.ts";
import { appendInput } from "../messages.ts";
import type { ForwardedCall } from "./forwarded-call.ts";
import { storedEntry } from "./stored-bytes.ts";

export interface AppendCall {
  readonly contextId: string;
  readonly input: AppendInput;
  readonly minCopies: number;
}

export interface AppendBatchCall {
  readonly contextId: string;
  readonly inputs: readonly AppendInput[];
  readonly minCopies: number;
}

/** The same messages as a client sends and gets. */
export const forwardedAppend: ForwardedCall<AppendCall, Appended> = {
  method: "append",
  encode({ contextId, input, minCopies }) {
    return toBinary(
      AppendRequestSchema,
      create(AppendRequestSchema, { contextId, ...inputFields(input), minCopies }),
    );
  },
  decode(body) {
    const plain = readAppend(body);
    if (plain !== undefined) return { contextId: plain.contextId, input: plain, minCopies: 0 };
    const message = fromBinary(AppendRequestSchema, body);
    const { contextId, minCopies } = message;
    return { contextId, input: appendInput(message), minCopies };
  },
  encodeAnswer: (appended) => writeAppendAnswer(appended, 0),
  decodeAnswer(body) {
    const { entry: bytes, duplicate, durability } = fromBinary(AppendAnswerSchema, body);
    const { stored, entry } = storedEntry(bytes);
    const { id, appendedAtNs, lamport } = entry;
    const { copies = 1, holders = 1 } = durability ?? {};
    return { ...stored, id, appendedAtNs, lamport, duplicate, copies, holders };
  },
};

export const forwardedBatch: ForwardedCall<AppendBatchCall, readonly Receipt[]> = {
  method: "appendBatch",
  encode({ contextId, inputs, minCopies }) {
    const entries = inputs.map(inputFields);
    return toBinary(
      AppendBatchRequestSchema,
      create(AppendBatchRequestSchema, { contextId, entries, minCopies }),
    );
  },
  decode(body) {
    const plain = readBatch(body);
    if (plain !== undefined) {
      const { contextId, entries, minCopies } = plain;
      return { contextId, inputs: entries, minCopies };
    }
    const { contextId, entries, minCopies } = fromBinary(AppendBatchRequestSchema, body);
    return { contextId, inputs: entries.map(appendInput), minCopies };
  },
  encodeAnswer: (receipts) => writeBatchAnswer(receipts, 0),
  decodeAnswer(body) {
    const { receipts, durability } = fromBinary(AppendBatchResponseSchema, body);
    const { copies = 1, holders = 1 } = durability ?? {};
    return receipts.map(({ id, sequence, appendedAtNs, lamport, contentHash, duplicate }) => ({
      ...{ id, appendedAtNs, lamport, contentHash, duplicate, copies, holders },
      sequence: Number(sequence),
    }));
  },
};

function inputFields({ key, payload, metadata, receivedLamport, idempotencyKey }: AppendInput): {
  key: string;
  payload: Uint8Array;
  metadata: Record<string, string>;
  receivedLamport: bigint;
  idempotencyKey: string;
} {
  // Without a prototype `__proto__` is a name like any other.
  const pairs: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of metadata) pairs[name] = value;
  return { key, payload, metadata: pairs, receivedLamport, idempotencyKey };
}
