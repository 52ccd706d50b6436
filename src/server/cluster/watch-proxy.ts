import type { Cursor } from "../../core/cursor.ts";
import { LedgerError } from "../../core/errors.ts";
import type { Hasher } from "../../core/hasher.ts";
import type { Watching, WatchRequest } from "../../ledger/ledger-api.ts";
import type { StoredEntry } from "../../ledger/ports.ts";
import { Span } from "../../ledger/tail.ts";
import { withProofs } from "../../ledger/watch-proofs.ts";
import type { WatchSink } from "../../ledger/watcher.ts";
import type { WatchNews } from "../../rpc/forwarded/watch-messages.ts";

/** One connection of a proxied watch to a node that serves it. */
export interface WatchSource {
  readonly news: AsyncIterator<WatchNews>;
  /** The node is not wanted any more. */
  close(): void;
}

export interface ProxyOptions {
  readonly request: WatchRequest;
  readonly sink: WatchSink;
  readonly hasher: Hasher;
  /**
   * Finds a node that serves the rest of a watch after its last one was lost, and goes on trying. Rejects when there is no
   * point in that any more.
   */
  readonly resume: (request: WatchRequest, failure: unknown) => Promise<WatchSource>;
  /** Called once, when the watch is over. */
  readonly onOver: () => void;
}

/**
 * A watch of a context that this node does not keep. It reads from a node that does, and goes on with another one after the
 * last entry it has given to its sink: without a gap, without a repeat, and unnoticed.
 */
export class WatchProxy implements Watching {
  readonly #options: ProxyOptions;
  #source: WatchSource;
  #sink: WatchSink;
  #cursor: Cursor;
  #isCaughtUp = false;
  /** The next edge is where proofs begin; later ones say what is known. */
  #wantsEdge: boolean;
  #isOver = false;
  #isPumping = false;
  #isBlocked = false;
  #unblock: () => void = () => {};

  constructor(options: ProxyOptions, source: WatchSource) {
    this.#options = options;
    this.#source = source;
    this.#sink = options.sink;
    this.#cursor = options.request.from;
    this.#wantsEdge = options.request.proofs;
  }

  wake(): void {
    if (this.#isPumping || this.#isOver) return;
    this.#isPumping = true;
    void this.#pump();
  }

  resume(): void {
    this.#isBlocked = false;
    this.#unblock();
    this.wake();
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#source.close();
    this.#unblock();
    this.#options.onOver();
  }

  /** Ends the watch and tells the client why. Idempotent. */
  end(error: LedgerError): void {
    if (this.#isOver) return;
    this.close();
    try {
      this.#options.sink.ended(error);
    } catch {
      // A sink that throws has no client.
    }
  }

  /** Gives the sink what comes, until the watch is over. Never rejects. */
  async #pump(): Promise<void> {
    while (!this.#isOver) {
      let failure: unknown;
      try {
        for (;;) {
          const next = await this.#source.news.next();
          if (this.#isOver) return;
          if (next.done === true) break;
          this.#give(next.value);
          if (this.#isOver) return;
          // Nothing is taken from the other node while the client does not take it from this one.
          while (this.#isBlocked && !this.#isOver)
            await new Promise<void>((resolve) => (this.#unblock = resolve));
        }
      } catch (error) {
        failure = error;
      }
      if (this.#isOver) return;
      this.#source.close();
      try {
        const source = await this.#options.resume({ ...this.#options.request, from: this.#cursor }, failure);
        this.#source = source;
        if (this.#isOver) source.close();
      } catch (error) {
        this.end(asEnd(error));
      }
    }
  }

  #give(news: WatchNews): void {
    try {
      switch (news.kind) {
        case "begun":
          return;
        case "entries":
          return this.#giveEntries(news.entries);
        case "heartbeat":
          this.#isBlocked = !this.#sink.heartbeat(news.sequence);
          return;
        case "caughtUp":
          if (this.#cursor.sequence === "latest") this.#cursor = { sequence: news.sequence };
          if (this.#isCaughtUp) return;
          this.#isCaughtUp = true;
          return this.#sink.caughtUp(news.sequence);
        case "reset":
          this.#cursor = { sequence: news.sequence };
          this.#wantsEdge = this.#options.request.proofs;
          return this.#options.sink.reset(news.sequence);
        case "edge":
          return this.#begin(news.frontier);
      }
    } catch {
      // A sink that throws although it must not is one whose client has gone.
      this.close();
    }
  }

  #giveEntries(entries: readonly StoredEntry[]): void {
    // What was given is not given again, whatever the other node thinks.
    const { sequence } = this.#cursor;
    const after = sequence === "latest" ? 0 : sequence;
    const fresh = entries.filter((entry) => entry.sequence > after);
    const last = fresh.at(-1);
    if (last === undefined) return;
    this.#cursor = { sequence: last.sequence, hashPrefix: last.contentHash.slice(0, 8) };
    this.#isBlocked = !this.#sink.entries(new Span(fresh));
  }

  /** Proofs are made here, of entries and the edge of the tree that they follow. */
  #begin(frontier: Parameters<typeof withProofs>[1]["frontier"]): void {
    if (this.#cursor.sequence === "latest") this.#cursor = { sequence: frontier.size };
    if (!this.#wantsEdge) return;
    this.#wantsEdge = false;
    const { sink, request, hasher } = this.#options;
    this.#sink = withProofs(sink, { key: request.key, frontier, hasher });
  }
}

function asEnd(error: unknown): LedgerError {
  if (error instanceof LedgerError) return error;
  return new LedgerError("INTERNAL", "the server made a mistake", { reason: "INTERNAL" }, { cause: error });
}
