import { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import type { GroupNews } from "./peer-messages.ts";

/** What one node is to hear of its groups and has not taken; bounded: a node that takes too little is cut. */
export class GroupOutbox {
  #news: GroupNews[] = [];
  #bytes = 0;
  #failure: LedgerError | undefined;
  /** Called when there is something to take, or nothing more comes. */
  onChange = (): void => {};

  /** Why nothing more comes. */
  get failure(): LedgerError | undefined {
    return this.#failure;
  }

  get isEmpty(): boolean {
    return this.#news.length === 0;
  }

  push(news: GroupNews): void {
    if (this.#failure !== undefined) return;
    this.#news.push(news);
    this.#bytes += costOf(news);
    const { groupNodeUnsentMax, groupNodeUnsentBytesMax } = limits;
    if (this.#news.length > groupNodeUnsentMax || this.#bytes > groupNodeUnsentBytesMax)
      this.end(tooSlow(this.#news.length));
    this.onChange();
  }

  /** Nothing more comes, and what waits is not wanted. */
  end(error: LedgerError): void {
    this.#failure ??= error;
    this.#news = [];
    this.#bytes = 0;
    this.onChange();
  }

  /** Takes what waits, up to about `limits.groupItemBytes` on the wire; nothing if nothing waits. */
  take(): readonly GroupNews[] {
    let bytes = 0;
    let count = 0;
    for (const news of this.#news) {
      bytes += wireBytesOf(news);
      if (count > 0 && bytes > limits.groupItemBytes) break;
      this.#bytes -= costOf(news);
      count += 1;
    }
    if (count === this.#news.length) {
      const all = this.#news;
      this.#news = [];
      return all;
    }
    return this.#news.splice(0, count);
  }
}

const framingBytes = 128;

/** Members are kept anyway: a list of them holds on to no more than itself. */
function costOf(news: GroupNews): number {
  if (news.kind === "state") return framingBytes + 8 * news.members.length;
  if (news.kind === "event" && news.event.kind === "message")
    return framingBytes + news.event.message.payload.length;
  return framingBytes;
}

function wireBytesOf(news: GroupNews): number {
  if (news.kind === "state") return framingBytes + 256 * news.members.length;
  return framingBytes + costOf(news);
}

function tooSlow(waiting: number): LedgerError {
  const { groupNodeUnsentMax: limit } = limits;
  return new LedgerError("RESOURCE_EXHAUSTED", "a node has fallen behind the groups of its members", {
    ...{ reason: "GROUP_NODE_TOO_SLOW", value: waiting, limit, retryAfterMs: 1000 },
    remedy: "announce them anew",
  });
}
