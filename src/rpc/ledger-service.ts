import { create } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import {
  type AppendBatchRequest,
  type AppendBatchResponse,
  AppendBatchResponseSchema,
  type AppendStreamRequest,
  type AppendStreamResponse,
  AppendStreamResponseSchema,
  type LedgerService,
  type LoadStreamRequest,
} from "../gen/converge/ledger/v1/ledger_pb.ts";
import type { LedgerApi } from "../ledger/ledger-api.ts";
import { appendInput, contextInfoMessage, loadMessage, receiptMessage, streamError } from "./messages.ts";
import { leastOf, withProofs } from "./acknowledged.ts";
import { pipelined } from "./pipelined.ts";
import { snapshotMessage } from "./snapshot-message.ts";

/** converge.ledger.v1.LedgerService over a ledger; errors are LedgerErrors. */
export function createLedgerService(ledger: LedgerApi): ServiceImpl<typeof LedgerService> {
  return {
    appendBatch: (request, context) => appendBatch(ledger, request, context),

    appendStream(requests, context) {
      refuseOverGrpcWeb(context, "AppendStream", "converge.ledger.v1.LedgerService/AppendBatch");
      return appendStream(ledger, requests, context);
    },

    async *snapshotStream({ contextId }) {
      for await (const part of ledger.snapshot(contextId)) yield snapshotMessage(part);
    },

    async loadStream(requests, context) {
      refuseOverGrpcWeb(context, "LoadStream", "converge.context.v1.ContextService/Load");
      const iterator = requests[Symbol.asyncIterator]();
      const first = await iterator.next();
      const options = first.done === true ? undefined : first.value.options;
      if (first.done === true || options === undefined) throw optionsMissing();
      return loadMessage(await ledger.load(options, chunksOf(first.value, iterator)));
    },

    async listContexts(request) {
      const { contexts, more, unanswered = [] } = await ledger.list(request);
      return { contexts: contexts.map(contextInfoMessage), more, unanswered: [...unanswered] };
    },

    async getContext({ contextId }) {
      return { context: contextInfoMessage(await ledger.describe(contextId)) };
    },
  };
}

async function appendBatch(
  ledger: LedgerApi,
  request: AppendBatchRequest | AppendStreamRequest,
  context: HandlerContext,
): Promise<AppendBatchResponse> {
  const { contextId, entries, proof, minCopies } = request;
  const terms = { minCopies, timeoutMs: context.timeoutMs() };
  const appending = ledger.appendBatch(contextId, entries.map(appendInput), terms);
  const appended = await (proof ? withProofs(ledger, contextId, appending) : appending);
  const { copies, holders } = leastOf(appended);
  const receipts = appended.map(receiptMessage);
  return create(AppendBatchResponseSchema, { receipts, durability: { copies, holders } });
}

const appendStreamBounds = {
  inFlightMax: limits.appendStreamInFlightMax,
  weightMax: limits.appendStreamEntriesMax,
  weigh: ({ entries }: AppendStreamRequest): number => entries.length,
};

function appendStream(
  ledger: LedgerApi,
  requests: AsyncIterable<AppendStreamRequest>,
  context: HandlerContext,
): AsyncGenerator<AppendStreamResponse> {
  return pipelined(requests, appendStreamBounds, async (request) => {
    try {
      const value = await appendBatch(ledger, request, context);
      return create(AppendStreamResponseSchema, { result: { case: "appended", value } });
    } catch (error) {
      return streamError(error);
    }
  });
}

async function* chunksOf(
  first: LoadStreamRequest,
  rest: AsyncIterator<LoadStreamRequest>,
): AsyncGenerator<Uint8Array> {
  yield checkChunk(first.chunk);
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    if (next.value.options !== undefined) throw optionsRepeated();
    yield checkChunk(next.value.chunk);
  }
}

function checkChunk(chunk: Uint8Array): Uint8Array {
  if (chunk.length <= limits.loadChunkBytesMax) return chunk;
  throw new LedgerError(
    "RESOURCE_EXHAUSTED",
    `chunk is ${chunk.length} bytes, more than ${limits.loadChunkBytesMax}`,
    {
      reason: "CHUNK_TOO_LARGE",
      field: "chunk",
      value: chunk.length,
      limit: limits.loadChunkBytesMax,
      remedy: "send smaller chunks",
    },
  );
}

function refuseOverGrpcWeb({ protocolName }: HandlerContext, method: string, instead: string): void {
  if (protocolName !== "grpc-web") return;
  throw new LedgerError("UNIMPLEMENTED", `${method} needs a streamed request, which gRPC-Web does not have`, {
    reason: "STREAMING_OVER_GRPC_WEB",
    remedy: `use ${instead}, or gRPC or Connect`,
  });
}

function optionsMissing(): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", "the first message has no options", {
    reason: "OPTIONS_MISSING",
    field: "options",
    remedy: "send options, with context_id, in the first message",
  });
}

function optionsRepeated(): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", "a later message has options", {
    reason: "OPTIONS_REPEATED",
    field: "options",
    remedy: "send options in the first message only",
  });
}
