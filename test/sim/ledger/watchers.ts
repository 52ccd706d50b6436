import { hex } from "../../../src/core/hex.ts";
import { LedgerError } from "../../../src/core/errors.ts";
import type { Cursor } from "../../../src/core/cursor.ts";
import type { Watcher, WatchSink } from "../../../src/ledger/watcher.ts";
import type { SimulatedNode } from "./node.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface WatchersParts {
  readonly nodes: readonly SimulatedNode[];
  readonly contexts: number;
  readonly time: VirtualTime;
  /** True if nobody may ever be reset: what is committed stays. */
  readonly isFinal: boolean;
}

const retryMs = 250;

/** One watcher of each context on each node: they record everything, and come back after whatever ended them. */
export class Watchers {
  readonly #all: RecordingWatcher[] = [];

  constructor({ nodes, contexts, time, isFinal }: WatchersParts) {
    for (const node of nodes)
      for (let context = 0; context < contexts; context += 1)
        this.#all.push(new RecordingWatcher({ node, contextId: `c${context}`, time, isFinal }));
  }

  stop(): void {
    for (const watcher of this.#all) watcher.stop();
  }

  get resets(): number {
    return this.#all.reduce((sum, { resets }) => sum + resets, 0);
  }

  /** Returns what is wrong with what was seen, now that `histories` is what stands. */
  async violations(histories: ReadonlyMap<string, readonly string[]>): Promise<string[]> {
    const found: string[] = [];
    for (const watcher of this.#all)
      found.push(...(await watcher.violations(histories.get(watcher.contextId) ?? [])));
    return found;
  }
}

interface RecordingParts {
  readonly node: SimulatedNode;
  readonly contextId: string;
  readonly time: VirtualTime;
  readonly isFinal: boolean;
}

/** Follows a context on one node as a client does that keeps what it is sent, and goes back when it is reset. */
class RecordingWatcher {
  readonly contextId: string;
  readonly #parts: RecordingParts;
  readonly #found: string[] = [];
  /** Hashes of what it has now: the entry at sequence n is at n - 1. */
  readonly #seen: string[] = [];
  #watcher: Watcher | undefined;
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

  async violations(history: readonly string[]): Promise<string[]> {
    const name = this.#name;
    const isHolder = (await this.#parts.node.disk.contents.head(this.contextId)) !== undefined;
    const found = [...this.#found];
    if (this.#parts.isFinal && this.resets > 0) found.push(`${name}: ${this.resets} resets`);
    if (!isHolder) return found;
    const at = this.#seen.findIndex((hash, index) => hash !== history[index]);
    if (at !== -1) found.push(`${name}: has another entry ${at + 1} than what stands`);
    else if (this.#seen.length !== history.length)
      found.push(`${name}: has ${this.#seen.length} of ${history.length} entries`);
    return found;
  }

  get #name(): string {
    const { node, contextId } = this.#parts;
    return `watcher of ${contextId} on ${node.nodeId.slice(0, 4)}`;
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

  #ledger: SimulatedNode["ledger"];

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
      this.#found.push(`${this.#name}: entry ${sequence} came after ${this.#seen.length}`);
    this.#seen[sequence - 1] = hash;
  }

  #reset(to: number): void {
    this.resets += 1;
    if (to >= this.#seen.length)
      this.#found.push(`${this.#name}: was reset to ${to} and had ${this.#seen.length} entries`);
    this.#seen.length = Math.min(this.#seen.length, to);
  }
}
