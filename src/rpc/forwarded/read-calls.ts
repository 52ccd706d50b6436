import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { GetRequestSchema, Read } from "../../gen/converge/context/v1/context_pb.ts";
import {
  type ContextInfo as ContextInfoMessage,
  GetContextRequestSchema,
  GetContextResponseSchema,
  ListContextsRequestSchema,
  ListContextsResponseSchema,
} from "../../gen/converge/ledger/v1/ledger_pb.ts";
import { GetAnswerSchema } from "../../gen/converge/peer/v1/forward_pb.ts";
import type { ContextInfo, ContextPage, GetRequest } from "../../ledger/ledger-api.ts";
import type { ListRange } from "../../ledger/ports.ts";
import type { GetResult } from "../../ledger/reader.ts";
import { writeGetAnswer } from "../fast/plain-answers.ts";
import { contextInfoMessage } from "../messages.ts";
import { type ForwardedCall, messageCall } from "./forwarded-call.ts";
import { storedEntry } from "./stored-bytes.ts";

export const forwardedGet: ForwardedCall<GetRequest, GetResult> = {
  method: "get",
  encode({ contextId, key, afterSequence, limit, maxBytes, minSequence, resumeToken, anyCopy }) {
    const read = anyCopy === true ? Read.ANY : Read.HOME;
    return toBinary(
      GetRequestSchema,
      create(GetRequestSchema, {
        ...{ contextId, key, afterSequence, limit, maxBytes, minSequence, resumeToken, read },
      }),
    );
  },
  decode(body) {
    const message = fromBinary(GetRequestSchema, body);
    const { contextId, key, afterSequence, limit, maxBytes, minSequence, resumeToken, read } = message;
    const anyCopy = read === Read.ANY;
    return { contextId, key, afterSequence, limit, maxBytes, minSequence, resumeToken, anyCopy };
  },
  encodeAnswer: (result) => writeGetAnswer(result, 0),
  decodeAnswer(body) {
    const { entries, latestSequence, more, resumeToken } = fromBinary(GetAnswerSchema, body);
    const stored = entries.map((bytes) => storedEntry(bytes).stored);
    return { entries: stored, latestSequence: Number(latestSequence), more, resumeToken };
  },
};

export const forwardedDescribe: ForwardedCall<string, ContextInfo> = messageCall(
  "describe",
  { question: GetContextRequestSchema, answer: GetContextResponseSchema },
  {
    toQuestion: (contextId: string) => ({ contextId }),
    toInput: ({ contextId }) => contextId,
    toAnswer: (info: ContextInfo) => ({ context: contextInfoMessage(info) }),
    toOutput: ({ context }) => contextInfo(context),
  },
);

/** Asks a node for the contexts that it keeps itself. */
export const forwardedList: ForwardedCall<ListRange, ContextPage> = messageCall(
  "list",
  { question: ListContextsRequestSchema, answer: ListContextsResponseSchema },
  {
    toQuestion: ({ prefix, startAfter, limit }: ListRange) => ({ prefix, startAfter, limit }),
    toInput: ({ prefix, startAfter, limit }) => ({ prefix, startAfter, limit }),
    toAnswer: ({ contexts, more }: ContextPage) => ({ contexts: contexts.map(contextInfoMessage), more }),
    toOutput: ({ contexts, more }) => ({ contexts: contexts.map(contextInfo), more }),
  },
);

function contextInfo(message: ContextInfoMessage | undefined): ContextInfo {
  const { contextId = "", latestSequence = 0n, bytes = 0n, lamport = 0n } = message ?? {};
  const { createdAtNs = 0n, lastAppendedAtNs: appendedAtNs = 0n } = message ?? {};
  const head = { latest: Number(latestSequence), bytes: Number(bytes), createdAtNs, appendedAtNs, lamport };
  return { contextId, head };
}
