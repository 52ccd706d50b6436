import { hex } from "../../../src/core/hex.ts";
import { LedgerError } from "../../../src/core/errors.ts";
import type { Cursor } from "../../../src/core/cursor.ts";
import type { Watcher, WatchSink } from "../../../src/ledger/watcher.ts";
import type { SimulatedNode } from "./node.ts";
import type { VirtualTime } from "./virtual-time.ts";
import type { World } from "./world.ts";

const retryMs = 250;

/** One watcher of each context on each node: they record everything, and come back after whatever ended them. */
export class Watchers {
  readonly #world: World;
  readonly #contextIds: readonly string[];
  readonly #violated: (text: string) => void;
  readonly #watched = new Set<SimulatedNode>();
  readonly #all: RecordingWatcher[] = [];

  constructor(world: World, contextIds: readonly string[], violated: (text: string) => void) {
    this.#world = world;
    this.#contextIds = contextIds;
    this.#violated = violated;
    this.follow();
  }

  get resets(): number {
    return this.#all.reduce((sum, { resets }) => sum + resets, 0);
  }

  /** Begins to watch on machines that are new. */
  follow(): void {
    const { time } = this.#world;
    for (const node of this.#world.nodes) {
      if (this.#watched.has(node)) continue;
      this.#watched.add(node);
      for (const contextId of this.#contextIds)
        this.#all.push(new RecordingWatcher({ node, contextId, time, violated: this.#violated }));
    }
  }

  stop(): void {
    for (const watcher of this.#all) watcher.stop();
  }

  /** Tells what is wrong with what was seen of a context, now that `history` is what stands. */
  async check(contextId: string, history: readonly string[]): Promise<void> {
    const isFinal = this.#world.rules.writeCopies !== "1";
    for (const watcher of this.#all)
      if (watcher.contextId === contextId) await watcher.check(history, { isFinal });
  }
}

interface RecordingParts {
  readonly node: SimulatedNode;
  readonly contextId: string;
  readonly time: VirtualTime;
  readonly violated: (text: string) => void;
}

/** Follows a context on one node as a client does that keeps what it is sent, and goes back when it is reset. */
class RecordingWatcher {
  readonly contextId: string;
  readonly #parts: RecordingParts;
  /** Hashes of what it has now: the entry at sequence n is at n - 1. */
  readonly #seen: string[] = [];
  #watcher: Watcher | undefined;
  #ledger: SimulatedNode["ledger"];
  #life = 0;
  #isStopped = false;
  resets = 0;

  constructor(parts: RecordingParts) {
    this.#parts = parts;
    this.contextId = parts.contextId;
    void this.#follow();
  }

  stop(): void {
    this.#isStopped = true;
    this.#watcher?.close();
  }

  /** Tells what is wrong with what was seen; if nothing `isFinal` ever goes, nobody is told to go back. */
  async check(history: readonly string[], { isFinal }: { isFinal: boolean }): Promise<void> {
    const { node } = this.#parts;
    if (isFinal && this.resets > 0) this.#violated(`was reset ${this.resets} times`);
    const { contents } = node.disk;
    const isLeaving = (await contents.replica(this.contextId))?.leaving === true;
    if (node.isGone || isLeaving || (await contents.head(this.contextId)) === undefined) return;
    const at = this.#seen.findIndex((hash, index) => hash !== history[index]);
    if (at !== -1) this.#violated(`has another entry ${at + 1} than what stands`);
    else if (this.#seen.length !== history.length)
      this.#violated(`has ${this.#seen.length} of ${history.length} entries`);
  }

  #violated(text: string): void {
    const { node, contextId, violated } = this.#parts;
    violated(`watcher: of ${contextId} on machine ${node.machine} ${text}`);
  }

  /** Never rejects; ends when it is stopped. */
  async #follow(): Promise<void> {
    const { time } = this.#parts;
    for (;;) {
      const life = (this.#life += 1);
      const ended = Promise.withResolvers<void>();
      try {
        await this.#watch(life, ended.resolve);
        // A process that crashes says nothing.
        while (!this.#isStopped && this.#life === life && this.#isAlive) {
          const isOver = await Promise.race([ended.promise.then(() => true), time.sleep(retryMs)]);
          if (isOver === true) break;
        }
      } catch {
        // Tried again below.
      }
      this.#life += 1;
      this.#watcher?.close();
      this.#watcher = undefined;
      if (this.#isStopped) return;
      await time.sleep(retryMs);
    }
  }

  get #isAlive(): boolean {
    return this.#parts.node.ledger === this.#ledger;
  }

  async #watch(life: number, over: () => void): Promise<void> {
    const { node, contextId } = this.#parts;
    this.#ledger = node.ledger;
    if (this.#ledger === undefined) throw new Error("down");
    const last = this.#seen.at(-1);
    const sequence = this.#seen.length;
    const from: Cursor =
      last === undefined
        ? { sequence }
        : { sequence, hashPrefix: Uint8Array.from(Buffer.from(last.slice(0, 16), "hex")) };
    const sink: WatchSink = {
      entries: ({ entries }) => {
        if (this.#life === life)
          for (const entry of entries) this.#take(entry.sequence, hex(entry.contentHash));
        return true;
      },
      heartbeat: () => true,
      caughtUp() {},
      reset: (to) => {
        if (this.#life === life) this.#reset(to);
      },
      ended: over,
    };
    const request = { contextId, key: "", from, heartbeatMs: 0, resets: true, proofs: false };
    try {
      this.#watcher = await this.#ledger.watch(request, sink);
    } catch (error) {
      const isBehind = error instanceof LedgerError && error.facts.reason === "SEQUENCE_ABOVE_HEAD";
      if (!isBehind) throw error;
      // This copy does not reach so far yet; a facade would go to the home.
      over();
      return;
    }
    this.#watcher.wake();
  }

  #take(sequence: number, hash: string): void {
    if (sequence !== this.#seen.length + 1)
      this.#violated(`was sent entry ${sequence} after ${this.#seen.length}`);
    this.#seen[sequence - 1] = hash;
  }

  #reset(to: number): void {
    this.resets += 1;
    if (to >= this.#seen.length) this.#violated(`was reset to ${to} and had ${this.#seen.length} entries`);
    this.#seen.length = Math.min(this.#seen.length, to);
  }
}
