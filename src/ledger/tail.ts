import { limits } from "../core/limits.ts";
import { decodeStored } from "./decode-stored.ts";
import type { StoredEntry } from "./ports.ts";

/**
 * Consecutive entries that several watchers read together. Encodings are made once and shared; the
 * bytes must not be changed.
 */
export class Span {
  readonly #encodings = new Map<string, Uint8Array>();
  readonly #matching = new Map<string, Span>();

  constructor(readonly entries: readonly StoredEntry[]) {}

  /** Returns the span of those entries that have this key, the same for every caller. */
  matching(key: string): Span {
    let span = this.#matching.get(key);
    if (span === undefined) {
      span = new Span(this.entries.filter((entry) => decodeStored(entry).key === key));
      this.#matching.set(key, span);
    }
    return span;
  }

  /** Returns what `encode` made of the entries the first time it was asked for under `name`. */
  encoded(name: string, encode: (entries: readonly StoredEntry[]) => Uint8Array): Uint8Array {
    const known = this.#encodings.get(name);
    if (known !== undefined) return known;
    const bytes = encode(this.entries);
    this.#encodings.set(name, bytes);
    return bytes;
  }
}

/** Entries of a span that watchers of a live context share, at most. */
const spanEntriesMax = 256;
const spanBytesMax = limits.watcherBufferBytes;
/** Watchers that keep up have one cursor, so few spans are ever shared; others would only hold memory. */
const spansMax = 8;

/** The newest entries of one context that is being watched, so that its watchers need no store. */
export class Tail {
  #entries: StoredEntry[] = [];
  #bytes = 0;
  /** Spans by the cursor they follow; emptied when entries come or go. */
  readonly #spans = new Map<number, Span>();

  /** Bytes of the entries held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes over entries that follow each other; those held before go if the new ones do not follow them. */
  push(entries: readonly StoredEntry[]): void {
    const last = this.#entries.at(-1);
    if (last !== undefined && entries[0]?.sequence !== last.sequence + 1) this.clear();
    for (const entry of entries) {
      this.#entries.push(entry);
      this.#bytes += entry.wire.length;
    }
    this.#spans.clear();
    this.trim(limits.tailBytesMax);
  }

  /** Drops the oldest entries until at most `bytesMax` bytes are held. */
  trim(bytesMax: number): void {
    let drop = Math.max(0, this.#entries.length - limits.tailEntriesPerContextMax);
    let bytes = 0;
    for (let i = 0; i < drop || (i < this.#entries.length && this.#bytes - bytes > bytesMax); i += 1) {
      bytes += this.#entries[i]?.wire.length ?? 0;
      drop = Math.max(drop, i + 1);
    }
    if (drop === 0) return;
    this.#entries = this.#entries.slice(drop);
    this.#bytes -= bytes;
    this.#spans.clear();
  }

  clear(): void {
    this.#entries = [];
    this.#bytes = 0;
    this.#spans.clear();
  }

  #forgetOldestSpan(): void {
    for (const after of this.#spans.keys()) {
      this.#spans.delete(after);
      return;
    }
  }

  /** Returns entries that follow the cursor `after`, or undefined if the next one is not held. */
  spanAfter(after: number): Span | undefined {
    const known = this.#spans.get(after);
    if (known !== undefined) return known;
    const first = this.#entries[0]?.sequence;
    if (first === undefined || after + 1 < first) return undefined;
    const from = after + 1 - first;
    if (from >= this.#entries.length) return undefined;
    let bytes = 0;
    let to = from;
    while (to < this.#entries.length && to - from < spanEntriesMax && (to === from || bytes < spanBytesMax)) {
      bytes += this.#entries[to]?.wire.length ?? 0;
      to += 1;
    }
    const span = new Span(this.#entries.slice(from, to));
    if (this.#spans.size >= spansMax) this.#forgetOldestSpan();
    this.#spans.set(after, span);
    return span;
  }
}
