import type { Checkpoint, FinalCopy, History, Read, Repeat, Status } from "../check/history.ts";
import type { WriteCopies } from "../world/cluster.ts";
import { call, methods } from "../world/call.ts";
import { acknowledgementOf, type Draft } from "./draft.ts";
import { finalCopyOf } from "./final-copy.ts";
import type { Load, Target } from "./load.ts";
import { pause } from "./load.ts";
import { Random } from "./random.ts";
import { collectCheckpoints, read } from "./reader.ts";
import { statusOf } from "./status.ts";
import { writeStream } from "./stream-writer.ts";
import { Watcher } from "./watcher.ts";
import { write } from "./writer.ts";

export interface RecorderOptions {
  readonly targets: () => readonly Target[];
  readonly contexts: readonly string[];
  readonly seed: number;
  readonly writers?: number;
  readonly streams?: number;
  readonly readers?: number;
  readonly pauseMs?: number;
  /** Waited for after healing until everything is answered, equal and watched. */
  readonly settleMs?: number;
}

const repeatsMax = 30;

/** A client that writes, reads and watches, and remembers everything it is told. */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #over = new AbortController();
  readonly #end = new AbortController();
  readonly #load: Load;
  readonly #drafts: Draft[] = [];
  readonly #reads: Read[] = [];
  readonly #checkpoints: Checkpoint[] = [];
  readonly #watchers: Watcher[] = [];
  readonly #watching: Promise<void>[] = [];
  #working: Promise<unknown> = Promise.resolve();

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#load = {
      targets: options.targets,
      contexts: options.contexts,
      random: new Random(options.seed),
      over: this.#over.signal,
      end: this.#end.signal,
      pauseMs: options.pauseMs ?? 20,
      attemptMs: 4_000,
    };
  }

  get acknowledgedCount(): number {
    return this.#drafts.filter(({ acknowledged }) => acknowledged !== undefined).length;
  }

  /** Acknowledgements since a moment of performance.now(). */
  acknowledgedSince(ms: number): number {
    return this.#drafts.filter(({ acknowledged }) => (acknowledged?.atMs ?? 0) > ms).length;
  }

  /** Begins to write and to read, and to watch every context on every target. */
  begin(): void {
    const { writers = 4, streams = 1, readers = 2 } = this.#options;
    const drafts = this.#drafts;
    this.#working = Promise.all([
      ...times(writers, (i) => write(this.#load, `writer ${i}`, drafts)),
      ...times(streams, (i) => writeStream(this.#load, `stream ${i}`, drafts)),
      ...times(readers, () => read(this.#load, drafts, this.#reads)),
      collectCheckpoints(this.#load, this.#checkpoints),
    ]);
    for (const target of this.#options.targets()) this.watch(target);
  }

  /** Watches every context on one more node. */
  watch(target: Target): void {
    for (const contextId of this.#options.contexts) {
      const watcher = new Watcher(target.name, contextId);
      this.#watchers.push(watcher);
      this.#watching.push(watcher.run(this.#load, target));
    }
  }

  /**
   * Ends the load once everything is healed: waits until every entry that is still repeated is acknowledged, all copies
   * are equal and watchers have everything, or until patience ends; then returns what happened.
   */
  async finish(
    holders: readonly Target[],
    promise: Pick<History, "resetsMax"> & { writeCopies: WriteCopies },
  ) {
    const { settleMs = 60_000 } = this.#options;
    const deadline = performance.now() + settleMs;
    this.#over.abort();
    await Promise.race([this.#working, pause(settleMs, this.#end.signal)]);
    const repeats = await this.#repeat();
    let finals = await this.#finals(holders);
    let statuses = await this.#statuses(holders);
    while (!this.#isSettled(finals, statuses) && performance.now() < deadline) {
      await Bun.sleep(300);
      finals = await this.#finals(holders);
      statuses = await this.#statuses(holders);
    }
    this.#end.abort();
    await Promise.all([this.#working, ...this.#watching]);
    const sent = this.#drafts.map((draft) => draft.sent());
    const history: History = {
      ...{ ...promise, sent, repeats, finals, statuses },
      watches: this.#watchers,
      reads: this.#reads,
      checkpoints: this.#checkpoints,
    };
    return history;
  }

  /** Ends everything, whatever is under way. */
  async abandon(): Promise<void> {
    this.#over.abort();
    this.#end.abort();
    await Promise.all([this.#working, ...this.#watching]);
  }

  /** Sends some acknowledged entries again. */
  async #repeat(): Promise<readonly Repeat[]> {
    const acknowledged = this.#drafts.filter(({ acknowledged }) => acknowledged !== undefined);
    const repeats: Repeat[] = [];
    for (let i = 0; i < repeatsMax && acknowledged.length > 0; i += 1) {
      const { contextId, payload, fields, acknowledged: first } = this.#load.random.of(acknowledged);
      const { name, url } = this.#load.random.of(this.#options.targets());
      const outcome = await call({ url, method: methods.append, request: { contextId, ...fields } });
      if (outcome.ok && first !== undefined)
        repeats.push({ contextId, payload, first, again: acknowledgementOf(outcome.answer, name) });
    }
    return repeats;
  }

  /** A copy that cannot be read counts as an empty one. */
  async #finals(holders: readonly Target[]): Promise<readonly FinalCopy[]> {
    return await Promise.all(
      holders.flatMap((holder) =>
        this.#options.contexts.map(
          async (contextId) =>
            await finalCopyOf(holder, contextId).catch(() => ({
              ...{ node: holder.name, contextId, entries: [], root: undefined },
            })),
        ),
      ),
    );
  }

  async #statuses(holders: readonly Target[]): Promise<readonly Status[]> {
    const asked = holders.flatMap((holder) =>
      this.#options.contexts.map(async (contextId) => await statusOf(holder, contextId)),
    );
    return (await Promise.all(asked)).filter((status) => status !== undefined);
  }

  #isSettled(finals: readonly FinalCopy[], statuses: readonly Status[]): boolean {
    if (statuses.some(({ isEqual, pendingArchives }) => !isEqual || pendingArchives > 0)) return false;
    return this.#options.contexts.every((contextId) => {
      const copies = finals.filter((copy) => copy.contextId === contextId);
      const [first] = copies;
      const length = first?.entries.length ?? 0;
      return (
        copies.every(({ root, entries }) => root === first?.root && entries.length === length) &&
        this.#watchers.every((watcher) => watcher.contextId !== contextId || watcher.length === length)
      );
    });
  }
}

function times(count: number, begin: (index: number) => Promise<void>): Promise<void>[] {
  return Array.from({ length: count }, (_, index) => begin(index));
}
