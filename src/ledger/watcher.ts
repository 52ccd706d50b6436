import type { LedgerError } from "../core/errors.ts";
import type { Hash } from "../core/hasher.ts";
import { limits } from "../core/limits.ts";
import type { Frontier } from "../core/merkle/frontier.ts";
import type { ContextState } from "./context-state.ts";
import type { Clock, ReadRange, StoredEntry } from "./ports.ts";
import { historyReplaced } from "./history-replaced.ts";
import { fromStoreError } from "./store-failure.ts";
import type { Tail } from "./tail.ts";
import { Span } from "./tail.ts";

/** What the reader of a watch with proofs is given, in order. */
export type ProofItem =
  | { readonly kind: "frontier"; readonly frontier: Frontier }
  /** `root` is that of the tree that ends with the entry. */
  | { readonly kind: "entry"; readonly entry: StoredEntry; readonly root: Hash }
  /** Packed leaf hashes of entries without the key, and the root of the tree that ends with the last of them. */
  | {
      readonly kind: "skipped";
      readonly hashes: Uint8Array;
      readonly through: number;
      readonly root: Hash;
    };

/** Where a watcher's events go; one implementation per protocol. Its methods must not throw. */
export interface WatchSink {
  /** Takes entries; false asks the watcher to wait until `resume` is called. */
  entries(span: Span): boolean;
  /** Takes items in the place of entries if the watch is one with proofs; answers like `entries`. */
  proofItems?(items: readonly ProofItem[]): boolean;
  /** Nothing was sent for a while; false asks the watcher to wait until `resume` is called. */
  heartbeat(latestSequence: number): boolean;
  caughtUp(latestSequence: number): void;
  reset(sequence: number): void;
  /** The watch is over. Nothing is called afterwards. */
  ended(error: LedgerError): void;
}

export interface WatchOptions {
  /** Only entries with this key; empty means all. */
  readonly key: string;
  /** 0 means none. */
  readonly heartbeatMs: number;
  /** True if the sink can tell its client of a reset; otherwise the watch ends where it would. */
  readonly resets: boolean;
}

/** What a watcher needs of its surroundings. */
export interface WatcherWorld {
  readonly clock: Clock;
  readonly tail: Tail;
  read(state: ContextState, range: Omit<ReadRange, "log">): Promise<StoredEntry[]>;
  /** Prepares the sink for entries that follow `sequence`, before it is told of a reset to there; if it needs that. */
  readonly rebase?: ((sequence: number) => Promise<void>) | undefined;
  /** Called once when the watcher is over, for whatever reason. */
  forget(watcher: Watcher): void;
}

/**
 * A cursor and a wake-up. It reads what follows its cursor from the shared tail, or from the store
 * if it is far behind, as fast as its sink takes it, and rests when it has everything. A slow sink
 * costs a cursor, never memory.
 */
export class Watcher {
  readonly #state: ContextState;
  readonly #options: WatchOptions;
  readonly #sink: WatchSink;
  readonly #world: WatcherWorld;
  #cursor: number;
  /** The newest sequence when the watch began: reaching it is being caught up. */
  #caughtUpAt: number | undefined;
  /** Where the client must go back to before it is sent anything else. */
  #resetTo: number | undefined;
  #blocked = false;
  #reading = false;
  #over = false;
  #sentMs: number;
  #cancelHeartbeat: (() => void) | undefined;

  constructor(parts: {
    state: ContextState;
    /** Exclusive: the last sequence the client has. */
    cursor: number;
    options: WatchOptions;
    sink: WatchSink;
    world: WatcherWorld;
  }) {
    this.#state = parts.state;
    this.#cursor = parts.cursor;
    this.#options = parts.options;
    this.#sink = parts.sink;
    this.#world = parts.world;
    this.#caughtUpAt = parts.state.head?.latest ?? 0;
    this.#sentMs = parts.world.clock.monotonicMs();
    this.#armHeartbeat();
  }

  get state(): ContextState {
    return this.#state;
  }

  /** True if it has not sent everything that is committed. */
  get lagging(): boolean {
    return this.#cursor < this.#latest;
  }

  /** Sends what the sink takes now. Cheap if there is nothing to send. */
  wake(): void {
    while (!this.#over && !this.#blocked && !this.#reading) {
      if (this.#resetTo !== undefined) {
        this.#reset(this.#resetTo);
        continue;
      }
      if (this.#caughtUpAt !== undefined && this.#cursor >= this.#caughtUpAt) {
        this.#caughtUpAt = undefined;
        this.#tell((sink) => sink.caughtUp(this.#cursor));
        continue;
      }
      if (!this.lagging) return;
      const span = this.#world.tail.spanAfter(this.#cursor);
      if (span === undefined) void this.#catchUp();
      else this.#send(span);
    }
  }

  /** The sink can take more. */
  resume(): void {
    this.#blocked = false;
    this.wake();
  }

  /**
   * The entries after `after` lost their place. If the client has been sent any of them, it is told once, before anything
   * else, however often that happens before it takes it; a page that is being read is not sent.
   */
  truncated(after: number): void {
    if (this.#caughtUpAt !== undefined) this.#caughtUpAt = Math.min(this.#caughtUpAt, after);
    if (this.#cursor <= after) return;
    this.#cursor = after;
    this.#resetTo = after;
  }

  /** The client has gone. Idempotent; the sink is not called any more. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelHeartbeat?.();
    this.#world.forget(this);
  }

  /** Ends the watch and tells the client why. Idempotent. */
  end(error: LedgerError): void {
    if (this.#over) return;
    this.close();
    this.#tell((sink) => sink.ended(error));
  }

  get #latest(): number {
    return this.#state.head?.latest ?? 0;
  }

  /** Reads one page from the store, sends it, and goes on. Never rejects. */
  async #catchUp(): Promise<void> {
    this.#reading = true;
    const { key } = this.#options;
    const { cuts } = this.#state;
    const cursor = this.#cursor;
    // What was read may be of entries that lost their place, and is read again if it is not.
    const isStale = (): boolean => this.#state.cuts !== cuts || this.#cursor !== cursor;
    try {
      const through = this.#latest;
      const entries = await this.#world.read(this.#state, {
        after: cursor,
        through,
        key: key === "" ? undefined : key,
        entriesMax: limits.readPageEntries,
        bytesMax: limits.watcherBufferBytes,
      });
      // Other work of the event loop comes before the next page.
      await this.#world.clock.yield();
      this.#reading = false;
      const last = entries.at(-1);
      if (isStale()) return this.wake();
      if (last === undefined) this.#cursor = through;
      else this.#deliver(new Span(entries), last.sequence);
      this.wake();
    } catch (error) {
      this.#reading = false;
      if (isStale()) this.wake();
      else this.end(fromStoreError(error));
    }
  }

  #reset(sequence: number): void {
    if (!this.#options.resets) return this.end(historyReplaced(sequence));
    const { rebase } = this.#world;
    if (rebase === undefined) {
      this.#resetTo = undefined;
      return this.#tell((sink) => sink.reset(sequence));
    }
    this.#reading = true;
    void this.#rebase(rebase);
  }

  /** Never rejects. */
  async #rebase(rebase: (sequence: number) => Promise<void>): Promise<void> {
    for (;;) {
      const { cuts } = this.#state;
      const sequence = this.#resetTo ?? 0;
      try {
        await rebase(sequence);
      } catch (error) {
        if (this.#state.cuts === cuts) return this.end(fromStoreError(error));
      }
      if (this.#resetTo !== sequence || this.#state.cuts !== cuts) continue;
      this.#resetTo = undefined;
      this.#tell((sink) => sink.reset(sequence));
      this.#reading = false;
      return this.wake();
    }
  }

  #send(span: Span): void {
    const last = span.entries.at(-1);
    if (last === undefined) return;
    const { key } = this.#options;
    const matching = key === "" ? span : span.matching(key);
    if (matching.entries.length === 0) this.#cursor = last.sequence;
    else this.#deliver(matching, last.sequence);
  }

  #deliver(span: Span, cursor: number): void {
    if (this.#over) return;
    this.#cursor = cursor;
    this.#sentMs = this.#world.clock.monotonicMs();
    this.#tell((sink) => {
      this.#blocked = !sink.entries(span);
    });
  }

  /** Calls the sink; one that throws although it must not is taken for one whose client has gone. */
  #tell(call: (sink: WatchSink) => void): void {
    try {
      call(this.#sink);
    } catch {
      this.close();
    }
  }

  #armHeartbeat(): void {
    const { heartbeatMs } = this.#options;
    if (heartbeatMs === 0) return;
    const restMs = this.#sentMs + heartbeatMs - this.#world.clock.monotonicMs();
    this.#cancelHeartbeat = this.#world.clock.after(Math.max(1, restMs), () => {
      if (this.#world.clock.monotonicMs() - this.#sentMs >= heartbeatMs) {
        this.#sentMs = this.#world.clock.monotonicMs();
        if (!this.#blocked) {
          this.#tell((sink) => {
            this.#blocked = !sink.heartbeat(this.#latest);
          });
        }
      }
      if (!this.#over) this.#armHeartbeat();
    });
  }
}
