import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { LedgerError, quote } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import {
  type ContextService,
  Read,
  type WatchEvent,
  WatchEventSchema,
  type WatchRequest as WatchRequestMessage,
} from "../gen/converge/context/v1/context_pb.ts";
import type { LedgerApi, WatchRequest } from "../ledger/ledger-api.ts";
import { watchCursor } from "../ledger/watch-cursor.ts";
import { controlEvent } from "./control-event.ts";
import { takesControlEvents } from "./fast/plain-watch.ts";
import { withProof } from "./acknowledged.ts";
import { appendInput, entryMessage, loadMessage, proofField } from "./messages.ts";
import { proofEvent } from "./proof-event.ts";
import { snapshotMetadata } from "./snapshot-metadata.ts";
import { type WatchItem, watchStream } from "./watch-stream.ts";

/** converge.context.v1.ContextService over a ledger; errors are LedgerErrors. */
export function createContextService(ledger: LedgerApi): ServiceImpl<typeof ContextService> {
  return {
    async append(request, context) {
      const { contextId, proof, minCopies } = request;
      const terms = { minCopies, timeoutMs: context.timeoutMs() };
      const appending = ledger.append(contextId, appendInput(request), terms);
      const appended = await (proof ? withProof(ledger, contextId, appending) : appending);
      const { duplicate, copies, holders } = appended;
      const durability = { copies, holders };
      return { entry: entryMessage(appended), duplicate, durability, ...proofField(appended) };
    },

    async get(request, context) {
      const anyCopy = request.read === Read.ANY;
      const result = await ledger.get({ ...request, anyCopy }, context.signal);
      return {
        entries: result.entries.map(entryMessage),
        latestSequence: BigInt(result.latestSequence),
        more: result.more,
        resumeToken: result.resumeToken,
      };
    },

    async snapshot({ contextId }) {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const part of ledger.snapshot(contextId)) {
        if (part.kind === "summary") {
          const sequence = BigInt(part.summary.latestSequence);
          return { snapshot: Buffer.concat(chunks), sequence, metadata: snapshotMetadata(part.summary) };
        }
        bytes += part.bytes.length;
        if (bytes > limits.answerBytesMax) throw snapshotTooLarge(contextId);
        chunks.push(part.bytes);
      }
      throw new LedgerError("INTERNAL", "a snapshot had no end", { reason: "INTERNAL" });
    },

    async load(request) {
      const { snapshot } = request;
      if (snapshot.length > limits.answerBytesMax) throw loadTooLarge(snapshot.length);
      return loadMessage(await ledger.load(request, oneChunk(snapshot)));
    },

    async *watch(request, context) {
      for await (const item of watchStream(ledger, watchRequest(request), context.signal)) {
        const event = watchEvent(item, request);
        if (event !== undefined) yield event;
      }
    },
  };
}

/** Returns what the ledger is asked for by a Watch message. Throws LedgerError. */
export function watchRequest(message: WatchRequestMessage): WatchRequest {
  const { contextId, key, heartbeatMs, proofs } = message;
  return {
    contextId,
    key,
    from: watchCursor(message.fromSequence, message.resumeToken),
    heartbeatMs,
    resets: takesControlEvents(message),
    proofs,
  };
}

/** Returns the message for an item, or undefined if this client must not get it. */
export function watchEvent(item: WatchItem, request: WatchRequestMessage): WatchEvent | undefined {
  switch (item.kind) {
    case "entry":
      return create(WatchEventSchema, { entry: entryMessage(item.entry) });
    case "proof":
      return proofEvent(item.item);
    default:
      return takesControlEvents(request) ? controlEvent(item.kind, item.sequence) : undefined;
  }
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function snapshotTooLarge(contextId: string): LedgerError {
  return new LedgerError(
    "RESOURCE_EXHAUSTED",
    `the snapshot of context ${quote(contextId)} is over ${limits.answerBytesMax} bytes`,
    {
      reason: "SNAPSHOT_TOO_LARGE",
      field: "snapshot",
      limit: limits.answerBytesMax,
      remedy: "use converge.ledger.v1.LedgerService/SnapshotStream",
    },
  );
}

function loadTooLarge(bytes: number): LedgerError {
  return new LedgerError(
    "RESOURCE_EXHAUSTED",
    `the snapshot is ${bytes} bytes, more than ${limits.answerBytesMax}`,
    {
      reason: "SNAPSHOT_TOO_LARGE",
      field: "snapshot",
      value: bytes,
      limit: limits.answerBytesMax,
      remedy: "use converge.ledger.v1.LedgerService/LoadStream",
    },
  );
}
