/**
 * The ledger of a node of a cluster: it answers every request, with the help of the nodes that keep what is asked for.
 *
 * @module
 */

import type { LedgerError } from "../core/errors.ts";
import type { AppendInput } from "../core/validate.ts";
import type { Appended, Receipt } from "../ledger/append-unit.ts";
import type { Inclusion, Integrity } from "../ledger/integrity.ts";
import type {
  AppendTerms,
  ContextInfo,
  ContextPage,
  GetRequest,
  LedgerApi,
  Watching,
  WatchRequest,
} from "../ledger/ledger-api.ts";
import type { LoadInput, LoadResult } from "../ledger/loader.ts";
import type { ListRange, StoredEntry } from "../ledger/ports.ts";
import type { GetResult } from "../ledger/reader.ts";
import type { SnapshotPart } from "../ledger/snapshots.ts";
import type { WatchSink } from "../ledger/watcher.ts";
import type { ForwardRequest } from "../sync/peer-messages.ts";
import { ClusterAppends } from "./cluster/cluster-appends.ts";
import { ClusterCopies } from "./cluster/cluster-copies.ts";
import { ClusterIntegrity } from "./cluster/cluster-integrity.ts";
import { ClusterLists } from "./cluster/cluster-lists.ts";
import { ClusterLoads } from "./cluster/cluster-loads.ts";
import type { CallTerms, ClusterParts } from "./cluster/cluster-parts.ts";
import { ClusterReads } from "./cluster/cluster-reads.ts";
import { ClusterWatches } from "./cluster/cluster-watches.ts";
import { Forwarder } from "./cluster/forwarder.ts";
import { mayAppendAgain } from "./cluster/outcomes.ts";
import { PeerSide } from "./cluster/peer-side.ts";

/**
 * A {@link LedgerApi} over all nodes. What this node is the home of, it answers as a ledger alone does; the rest goes where it
 * belongs. Errors of other nodes come back as they are.
 */
export class ClusterLedger implements LedgerApi {
  readonly integrity: Integrity;
  readonly #parts: ClusterParts;
  readonly #appends: ClusterAppends;
  readonly #reads: ClusterReads;
  readonly #watches: ClusterWatches;
  readonly #copies: ClusterCopies;
  readonly #lists: ClusterLists;
  readonly #loads: ClusterLoads;
  readonly #peerSide: PeerSide;

  constructor(parts: ClusterParts) {
    const forwarder = new Forwarder(parts);
    this.#parts = parts;
    this.#appends = new ClusterAppends(parts, forwarder);
    this.#reads = new ClusterReads(parts, forwarder);
    this.#watches = new ClusterWatches(parts);
    this.#copies = new ClusterCopies(parts);
    this.#lists = new ClusterLists(parts);
    this.#loads = new ClusterLoads(parts, forwarder);
    const integrity = (terms: CallTerms): ClusterIntegrity =>
      new ClusterIntegrity(
        {
          local: parts.local.integrity,
          reads: this.#reads,
          verify: (contextId, signal) => this.#copies.verify(contextId, signal),
        },
        terms,
      );
    this.integrity = integrity({ hops: 0 });
    this.#peerSide = new PeerSide({
      ...{ local: parts.local, appends: this.#appends, reads: this.#reads, watches: this.#watches },
      ...{ copies: this.#copies, loads: this.#loads, integrity },
    });
  }

  append(contextId: string, input: AppendInput, terms: AppendTerms): Promise<Appended> {
    const { minCopies, timeoutMs } = terms;
    const { routing, local } = this.#parts;
    if (minCopies > 1 || !routing.isWritable(contextId))
      return this.#appends.append(contextId, input, minCopies, { hops: 0, timeoutMs });
    return local.append(contextId, input, terms).catch((error: unknown) => {
      // This node was the home until a moment ago.
      if (!mayAppendAgain(error, input.idempotencyKey !== "")) throw error;
      return this.#appends.append(contextId, input, minCopies, { hops: 0, timeoutMs });
    });
  }

  appendBatch(
    contextId: string,
    inputs: readonly AppendInput[],
    terms: AppendTerms,
  ): Promise<readonly Receipt[]> {
    const { minCopies, timeoutMs } = terms;
    const { routing, local } = this.#parts;
    if (minCopies > 1 || !routing.isWritable(contextId))
      return this.#appends.appendBatch(contextId, inputs, minCopies, { hops: 0, timeoutMs });
    return local.appendBatch(contextId, inputs, terms).catch((error: unknown) => {
      const isIdempotent = inputs.every(({ idempotencyKey }) => idempotencyKey !== "");
      if (!mayAppendAgain(error, isIdempotent)) throw error;
      return this.#appends.appendBatch(contextId, inputs, minCopies, { hops: 0, timeoutMs });
    });
  }

  prove(
    contextId: string,
    entries: readonly Pick<StoredEntry, "sequence" | "contentHash">[],
  ): readonly Inclusion[] | Promise<readonly Inclusion[]> {
    const { routing, local } = this.#parts;
    if (routing.isCurrent(contextId)) return local.prove(contextId, entries);
    return this.#reads.prove({ contextId, entries }, { hops: 0 });
  }

  get(request: GetRequest, signal?: AbortSignal): Promise<GetResult> {
    const { routing, local } = this.#parts;
    if (routing.isCurrent(request.contextId)) return local.get(request, signal);
    return this.#reads.get(request, { hops: 0, signal });
  }

  watch(request: WatchRequest, sink: WatchSink): Promise<Watching> {
    const { routing, local } = this.#parts;
    if (routing.isCurrent(request.contextId)) return local.watch(request, sink);
    return this.#watches.watch(request, sink);
  }

  list(range: ListRange): Promise<ContextPage> {
    return this.#lists.list(range);
  }

  describe(contextId: string): Promise<ContextInfo> {
    return this.#reads.describe(contextId, { hops: 0 });
  }

  snapshot(contextId: string): AsyncGenerator<SnapshotPart, void> {
    return this.#copies.snapshot(contextId);
  }

  load(input: LoadInput, chunks: AsyncIterable<Uint8Array>): Promise<LoadResult> {
    return this.#loads.load(input, chunks);
  }

  /** Answers a call of a client of another node. Rejects with LedgerError. */
  handleForward(
    _fromNodeId: string,
    request: ForwardRequest,
    signal: AbortSignal,
  ): Promise<{ readonly body: Uint8Array }> {
    return this.#peerSide.forward(request, signal);
  }

  /** Serves a stream of another node, of kind `watch` or `snapshot`. Throws LedgerError. */
  handleOpen(_fromNodeId: string, body: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    return this.#peerSide.open(body, signal);
  }

  /** How many watches of clients read from another node. */
  get proxiedWatches(): number {
    return this.#watches.proxied;
  }

  /** How many more clients of this node watch a context than watch this node's copy; may be below 0. */
  watchersElsewhere(contextId: string): number {
    return this.#watches.elsewhere(contextId);
  }

  /** Ends every watch that reads from another node: clients are told and may resume from their cursors. */
  endWatches(error: LedgerError): void {
    this.#watches.end(error);
  }
}
