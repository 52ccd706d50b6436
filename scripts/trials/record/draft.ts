import type { Acknowledgement, Sent } from "../check/history.ts";
import { gaveUp } from "../check/answers.ts";
import type { Json } from "../world/call.ts";

/** An entry that is being sent: what will be known of it is written down here as it happens. */
export class Draft {
  readonly writer: string;
  readonly contextId: string;
  readonly payload: string;
  readonly batch: string | undefined;
  readonly firstSentMs = performance.now();
  readonly failures: string[] = [];
  acknowledged: Acknowledgement | undefined;

  constructor(what: Pick<Sent, "writer" | "contextId" | "payload" | "batch">) {
    this.writer = what.writer;
    this.contextId = what.contextId;
    this.payload = what.payload;
    this.batch = what.batch;
  }

  get idempotencyKey(): string {
    return `key of ${this.payload}`;
  }

  /** The fields that a request carries. */
  get fields(): { readonly key: string; readonly payload: string; readonly idempotencyKey: string } {
    return { key: "trial", payload: btoa(this.payload), idempotencyKey: this.idempotencyKey };
  }

  giveUp(): void {
    this.failures.push(gaveUp);
  }

  sent(): Sent {
    const { writer, contextId, payload, firstSentMs, failures, acknowledged, batch } = this;
    const known = acknowledged === undefined ? {} : { acknowledged };
    return {
      ...{ writer, contextId, payload, firstSentMs, failures, ...known },
      ...(batch === undefined ? {} : { batch }),
    };
  }
}

/** Reads the answer to Append. */
export function acknowledgementOf(answer: Json, node: string): Acknowledgement {
  const {
    entry,
    durability = {},
    duplicate = false,
  } = answer as {
    readonly entry: { readonly id: string; readonly sequence: string; readonly contentHash: string };
    readonly durability?: { readonly copies?: number; readonly holders?: number };
    readonly duplicate?: boolean;
  };
  return {
    id: entry.id,
    sequence: Number(entry.sequence),
    contentHash: entry.contentHash,
    copies: durability.copies ?? 0,
    holders: durability.holders ?? 0,
    duplicate,
    node,
    atMs: performance.now(),
  };
}
