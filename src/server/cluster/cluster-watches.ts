import { LedgerError } from "../../core/errors.ts";
import { checkContextId, checkKeyFilter } from "../../core/validate.ts";
import type { Watching, WatchRequest } from "../../ledger/ledger-api.ts";
import { checkHeartbeat } from "../../ledger/request-checks.ts";
import type { WatchSink } from "../../ledger/watcher.ts";
import { encodeStreamRequest } from "../../rpc/forwarded/stream-request.ts";
import { decodeWatchNews, encodeWatchOpen, type WatchNews } from "../../rpc/forwarded/watch-messages.ts";
import { type ClusterParts, clusterTiming, type ClusterTiming } from "./cluster-parts.ts";
import { ContextCounts } from "./context-counts.ts";
import { callFailure, hasReason, isHomeless, notCurrent } from "./outcomes.ts";
import { WatchProxy, type WatchSource } from "./watch-proxy.ts";

/** Watches: of this node's copy if it has one, else of another node's. */
export class ClusterWatches {
  readonly #parts: ClusterParts;
  readonly #timing: ClusterTiming;
  readonly #proxies = new Set<WatchProxy>();
  /** Watches of clients that read from another node count here, those of other nodes that read from this one do not. */
  readonly #elsewhere = new ContextCounts();

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    this.#timing = parts.timing ?? clusterTiming;
  }

  /** How many watches read from another node. */
  get proxied(): number {
    return this.#proxies.size;
  }

  async watch(request: WatchRequest, sink: WatchSink): Promise<Watching> {
    const { contextId } = request;
    checkContextId(contextId);
    checkKeyFilter(request.key);
    checkHeartbeat(request.heartbeatMs);
    const { routing, view } = this.#parts;
    const holders = await routing.locate(contextId);
    if (!holders.includes(view.selfId)) return await this.#proxy(request, sink, holders);
    return (await this.#ofCopy(request, sink)) ?? (await this.#ofHome(request, sink));
  }

  /** How many more clients of this node watch a context than there are watches of its copy: those elsewhere, less those for others. */
  elsewhere(contextId: string): number {
    return this.#elsewhere.of(contextId);
  }

  /** Serves another node. It looks elsewhere if this one cannot. */
  async serve(request: WatchRequest, sink: WatchSink): Promise<Watching> {
    const { contextId } = request;
    const watching = await this.#serve(request, sink);
    const uncount = this.#elsewhere.count(contextId, -1);
    return {
      wake: () => watching.wake(),
      resume: () => watching.resume(),
      close() {
        uncount();
        watching.close();
      },
    };
  }

  async #serve(request: WatchRequest, sink: WatchSink): Promise<Watching> {
    const { contextId } = request;
    checkContextId(contextId);
    const { routing, view, local } = this.#parts;
    if (!(await routing.locate(contextId)).includes(view.selfId)) throw noCopy(contextId);
    const route = await routing.route(contextId).catch(() => undefined);
    if (route?.kind !== "here") return await local.watch(request, sink);
    return await this.#atHome(request, sink);
  }

  /** Ends every watch that reads from another node. */
  end(error: LedgerError): void {
    for (const proxy of this.#proxies) proxy.end(error);
  }

  /** Watches this node's copy; resolves with nothing if that does not reach to the cursor. */
  async #ofCopy(request: WatchRequest, sink: WatchSink): Promise<Watching | undefined> {
    try {
      return await this.#parts.local.watch(request, sink);
    } catch (error) {
      if (!hasReason(error, "SEQUENCE_ABOVE_HEAD")) throw error;
      return undefined;
    }
  }

  /** The home knows if there is an entry at the cursor. */
  async #ofHome(request: WatchRequest, sink: WatchSink): Promise<Watching> {
    const { contextId } = request;
    const route = await this.#parts.routing.route(contextId);
    if (route.kind === "there") return await this.#proxy(request, sink, [route.nodeId]);
    return await this.#atHome(request, sink);
  }

  /** Watches the copy of this node, which is the home. */
  async #atHome(request: WatchRequest, sink: WatchSink): Promise<Watching> {
    const { contextId } = request;
    const { routing, local } = this.#parts;
    await routing.readable(contextId);
    const isCurrent = routing.isCurrent(contextId);
    try {
      return await local.watch(request, sink);
    } catch (error) {
      // Not what it says, as long as nobody knows what is committed.
      if (hasReason(error, "SEQUENCE_ABOVE_HEAD") && !isCurrent) throw notCurrent(error);
      throw error;
    }
  }

  async #proxy(request: WatchRequest, sink: WatchSink, nodes: readonly string[]): Promise<Watching> {
    const source = await this.#openAny(request, nodes);
    const proxy: WatchProxy = new WatchProxy(
      {
        ...{ request, sink, hasher: this.#parts.hasher },
        resume: (rest, failure) => this.#resume(rest, failure, () => this.#proxies.has(proxy)),
        onOver: () => {
          this.#proxies.delete(proxy);
          uncount();
        },
      },
      source,
    );
    const uncount = this.#elsewhere.count(request.contextId, 1);
    this.#proxies.add(proxy);
    return proxy;
  }

  /** Opens the rest of a watch on any node that serves it; tries for a while. */
  async #resume(request: WatchRequest, failure: unknown, isWanted: () => boolean): Promise<WatchSource> {
    const { routing, clock, random } = this.#parts;
    const { contextId } = request;
    const { retryMsMin, retryMsMax, watchResumeMs } = this.#timing;
    const giveUpMs = clock.monotonicMs() + watchResumeMs;
    let last = failure;
    if (!mayGoOn(last)) throw last;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#openAny(request, await routing.locate(contextId));
      } catch (error) {
        last = error;
      }
      if (!mayGoOn(last) || clock.monotonicMs() >= giveUpMs || !isWanted()) throw last;
      const waitMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(attempt, 16)) * (0.5 + random() / 2);
      await new Promise<void>((resolve) => void clock.after(waitMs, resolve));
      if (isHomeless(last)) await routing.relocate(contextId);
    }
  }

  /** Opens a watch on the first of these nodes that serves it. */
  async #openAny(request: WatchRequest, nodes: readonly string[]): Promise<WatchSource> {
    const { view } = this.#parts;
    let failure: unknown = noCopy(request.contextId);
    for (const nodeId of nodes) {
      if (nodeId === view.selfId || !view.isAlive(nodeId)) continue;
      try {
        return await this.#open(nodeId, request);
      } catch (error) {
        // The next copy may reach further.
        failure = hasReason(error, "SEQUENCE_ABOVE_HEAD")
          ? await this.#aboveHead(request, nodeId, error)
          : error;
        if (!mayGoOn(failure)) throw failure;
      }
    }
    throw failure;
  }

  /** Returns what it means that a node has no entry at a cursor: only the home can tell that there is none. */
  async #aboveHead({ contextId }: WatchRequest, nodeId: string, error: unknown): Promise<unknown> {
    const route = await this.#parts.routing.route(contextId).catch(() => undefined);
    return route?.kind === "there" && route.nodeId === nodeId ? error : notCurrent(error);
  }

  /** Opens a watch on a node. Rejects with what it refuses it with. */
  async #open(nodeId: string, request: WatchRequest): Promise<WatchSource> {
    const { peers, view } = this.#parts;
    const gone = new AbortController();
    // Other nodes are asked for all entries if there is something to prove: what is left out is proved too.
    const asked = request.proofs ? { ...request, key: "" } : request;
    const body = encodeStreamRequest({ hops: 1, method: "watch", body: encodeWatchOpen(asked) });
    const messages = peers.open(nodeId, "watch", body, gone.signal)[Symbol.asyncIterator]();
    const stopLooking = view.onChange(() => {
      if (!view.isAlive(nodeId)) gone.abort();
    });
    const close = (): void => {
      stopLooking();
      gone.abort();
      void messages.return?.().catch(() => {});
    };
    const news: AsyncIterator<WatchNews> = {
      async next() {
        try {
          const next = await messages.next();
          return next.done === true
            ? { done: true, value: undefined }
            : { value: decodeWatchNews(next.value) };
        } catch (error) {
          throw callFailure(error, { node: view.nameOf(nodeId), writes: false });
        }
      },
    };
    try {
      await news.next();
    } catch (error) {
      close();
      throw error;
    }
    return { news, close };
  }
}

/** A watch that ended so may go on elsewhere. */
function mayGoOn(error: unknown): boolean {
  if (error === undefined) return true;
  if (!(error instanceof LedgerError)) return false;
  const { reason } = error.facts;
  return error.code === "UNAVAILABLE" || reason === "TOO_MANY_WATCHERS" || reason === "PEER_BUSY";
}

function noCopy(contextId: string): LedgerError {
  return new LedgerError(
    "UNAVAILABLE",
    `no node that keeps context ${JSON.stringify(contextId.slice(0, 64))} serves it`,
    {
      ...{ reason: "NOT_HOME", field: "context_id", value: contextId.slice(0, 64) },
      ...{ remedy: "try again", retryAfterMs: 200 },
    },
  );
}
