import { asError } from "../../core/as-error.ts";
import { LedgerError } from "../../core/errors.ts";
import { decodeUtf8 } from "../../core/utf8.ts";
import type { LedgerApi, WatchRequest } from "../../ledger/ledger-api.ts";
import { forwardedAppend, forwardedBatch } from "../../rpc/forwarded/append-calls.ts";
import type { ForwardedCall } from "../../rpc/forwarded/forwarded-call.ts";
import { forwardedLoad } from "../../rpc/forwarded/load-steps.ts";
import {
  forwardedCheckpoint,
  forwardedConsistency,
  forwardedContextEvidence,
  forwardedEvidence,
  forwardedInclusion,
  forwardedProve,
  forwardedTile,
  forwardedTreeHead,
  forwardedVerifierKeys,
} from "../../rpc/forwarded/proof-calls.ts";
import { forwardedDescribe, forwardedGet, forwardedList } from "../../rpc/forwarded/read-calls.ts";
import { encodeSnapshotPart } from "../../rpc/forwarded/snapshot-messages.ts";
import { decodeStreamRequest, type StreamRequest } from "../../rpc/forwarded/stream-request.ts";
import { encodeVerifyStep } from "../../rpc/forwarded/verify-messages.ts";
import { decodeWatchOpen } from "../../rpc/forwarded/watch-messages.ts";
import { watchMessages } from "../../rpc/forwarded/watch-source.ts";
import type { ForwardRequest } from "../../sync/peer-messages.ts";
import type { ClusterAppends } from "./cluster-appends.ts";
import type { ClusterCopies } from "./cluster-copies.ts";
import type { ClusterIntegrity } from "./cluster-integrity.ts";
import type { ClusterLoads } from "./cluster-loads.ts";
import type { CallTerms } from "./cluster-parts.ts";
import type { ClusterReads } from "./cluster-reads.ts";
import type { ClusterWatches } from "./cluster-watches.ts";
import { anyCopySuffix } from "./forwarder.ts";
import { toldToPeer } from "./outcomes.ts";

export interface PeerSideParts {
  readonly local: LedgerApi;
  readonly appends: ClusterAppends;
  readonly reads: ClusterReads;
  readonly watches: ClusterWatches;
  readonly copies: ClusterCopies;
  readonly loads: ClusterLoads;
  /** What is proven for a call that came like this. */
  readonly integrity: (terms: CallTerms) => ClusterIntegrity;
}

type Handler = (body: Uint8Array, terms: CallTerms) => Promise<Uint8Array>;

/** Answers the calls of clients that other nodes pass on to this one. */
export class PeerSide {
  readonly #parts: PeerSideParts;
  readonly #handlers: ReadonlyMap<string, Handler>;

  constructor(parts: PeerSideParts) {
    this.#parts = parts;
    this.#handlers = new Map(handlersOf(parts));
  }

  /** Answers a call. Rejects with LedgerError. */
  async forward(request: ForwardRequest, signal: AbortSignal): Promise<{ readonly body: Uint8Array }> {
    const { method, hops, body } = request;
    const anyCopy = method.endsWith(anyCopySuffix);
    const handler = this.#handlers.get(anyCopy ? method.slice(0, -anyCopySuffix.length) : method);
    if (handler === undefined) throw unknownMethod(method);
    try {
      return { body: await handler(body, { hops, signal, anyCopy }) };
    } catch (error) {
      throw asLedgerError(toldToPeer(error));
    }
  }

  /** Serves a stream: a watch, or what goes through a whole copy. Throws LedgerError. */
  async *open(body: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    try {
      yield* this.#stream(decodeStreamRequest(body), signal);
    } catch (error) {
      throw asLedgerError(toldToPeer(error));
    }
  }

  async *#stream({ method, body }: StreamRequest, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const { watches, copies } = this.#parts;
    switch (method) {
      case "watch":
        return yield* watchMessages(
          (request: WatchRequest, sink) => watches.serve(request, sink),
          decodeWatchOpen(body),
          signal,
        );
      case "snapshot":
        for await (const part of copies.serveSnapshot(decodeUtf8(body))) {
          if (signal.aborted) return;
          yield encodeSnapshotPart(part);
        }
        return;
      case "verify":
        for await (const step of copies.serveVerify(decodeUtf8(body), signal)) yield encodeVerifyStep(step);
        return;
      default:
        throw unknownMethod(method);
    }
  }
}

function* handlersOf(parts: PeerSideParts): Generator<[string, Handler]> {
  const { appends, reads, loads, local, integrity } = parts;
  yield on(forwardedAppend, ({ contextId, input, minCopies }, terms) =>
    appends.append(contextId, input, minCopies, terms),
  );
  yield on(forwardedBatch, ({ contextId, inputs, minCopies }, terms) =>
    appends.appendBatch(contextId, inputs, minCopies, terms),
  );
  yield on(forwardedGet, (request, terms) => reads.get(request, terms));
  yield on(forwardedDescribe, (contextId, terms) => reads.describe(contextId, terms));
  yield on(forwardedList, (range) => local.list(range));
  yield on(forwardedLoad, (step, terms) => loads.step(step, terms));
  yield on(forwardedProve, (call, terms) => reads.prove(call, terms));
  yield on(forwardedTreeHead, ({ contextId, size, profile }, terms) =>
    integrity(terms).treeHead({ kind: "context", contextId }, size, profile),
  );
  yield on(forwardedInclusion, ({ contextId, sequence, size, profile }, terms) =>
    integrity(terms).inclusion(contextId, sequence, size, profile),
  );
  yield on(forwardedEvidence, ({ contextId, sequence }, terms) =>
    integrity(terms).evidence(contextId, sequence),
  );
  yield on(forwardedConsistency, ({ contextId, firstSize, secondSize }, terms) =>
    integrity(terms).consistency({ kind: "context", contextId }, firstSize, secondSize),
  );
  yield on(forwardedCheckpoint, (contextId, terms) =>
    integrity(terms).checkpoint({ kind: "context", contextId }),
  );
  yield on(forwardedContextEvidence, (contextId, terms) => integrity(terms).contextEvidence(contextId));
  yield on(forwardedVerifierKeys, (contextId, terms) =>
    integrity(terms).verifierKeys({ kind: "context", contextId }),
  );
  yield on(forwardedTile, ({ contextId, level, index, width }, terms) => {
    const log = { kind: "context", contextId } as const;
    return level === undefined
      ? integrity(terms).entryBundle(log, { index, width })
      : integrity(terms).tile(log, { level, index, width });
  });
}

function on<Input, Output>(
  call: ForwardedCall<Input, Output>,
  answer: (input: Input, terms: CallTerms) => Promise<Output>,
): [string, Handler] {
  return [call.method, async (body, terms) => call.encodeAnswer(await answer(call.decode(body), terms))];
}

function asLedgerError(error: unknown): LedgerError {
  if (error instanceof LedgerError) return error;
  const cause = asError(error);
  return new LedgerError("INTERNAL", "the server made a mistake", { reason: "INTERNAL" }, { cause });
}

function unknownMethod(method: string): LedgerError {
  return new LedgerError(
    "UNIMPLEMENTED",
    `this node knows no operation ${JSON.stringify(method.slice(0, 64))}`,
    {
      ...{ reason: "FORWARD_UNKNOWN", value: method.slice(0, 64), remedy: "update it" },
    },
  );
}
