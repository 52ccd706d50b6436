import type { Seen, Watch, WatchEvent } from "../check/history.ts";
import { type Load, pause, type Target } from "./load.ts";

/** A watch that hears nothing for so long, heartbeats included, connects again. */
const silenceMs = 12_000;

/** A watch that is going on. */
export class Watcher implements Watch {
  readonly node: string;
  readonly contextId: string;
  readonly events: WatchEvent[] = [];
  #length = 0;
  #lastEventId = "";

  constructor(node: string, contextId: string) {
    this.node = node;
    this.contextId = contextId;
  }

  /** Entries it has now, resets taken into account. */
  get length(): number {
    return this.#length;
  }

  /** Watches from the beginning, and goes on from its last event after every end of the connection, until the load ends. */
  async run(load: Load, target: Target): Promise<void> {
    while (!load.end.aborted) {
      const why = await this.#connect(target, load.end).catch(String);
      if (load.end.aborted) return;
      this.events.push({ kind: "broken", why, atMs: performance.now() });
      await pause(load.random.between(100, 400), load.end);
    }
  }

  /** Resolves with why it ended. */
  async #connect({ url }: Target, end: AbortSignal): Promise<string> {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), silenceMs);
    try {
      const path = `/v1/contexts/${encodeURIComponent(this.contextId)}/watch?from_sequence=0`;
      const headers: Record<string, string> = { accept: "text/event-stream" };
      if (this.#lastEventId !== "") headers["last-event-id"] = this.#lastEventId;
      const response = await fetch(url + path, { headers, signal: AbortSignal.any([end, silent.signal]) });
      if (!response.ok || response.body === null)
        return `answered ${response.status} ${(await response.text()).slice(0, 200)}`;
      let rest = "";
      const decoder = new TextDecoder();
      for await (const piece of response.body) {
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), silenceMs);
        const blocks = (rest + decoder.decode(piece, { stream: true })).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) this.#take(block);
      }
      return "ended";
    } finally {
      clearTimeout(timer);
    }
  }

  #take(block: string): void {
    const field = (name: string): string => new RegExp(`^${name}: ?(.*)$`, "m").exec(block)?.[1] ?? "";
    const type = field("event");
    if (type === "") return;
    const data = JSON.parse(field("data")) as { readonly sequence?: string } & Partial<Seen>;
    const sequence = Number(data.sequence ?? 0);
    const atMs = performance.now();
    if (type === "reset") {
      this.events.push({ kind: "reset", sequence, atMs });
      this.#length = Math.min(this.#length, sequence);
      return;
    }
    if (type !== "entry") return;
    const { id = "", contentHash = "" } = data;
    this.events.push({ kind: "entry", entry: { id, sequence, contentHash }, atMs });
    this.#length = sequence;
    this.#lastEventId = field("id");
  }
}
