import { expect } from "bun:test";
import { expectedEntryHash } from "./expected-entry-hash.ts";
import { answersOf, answerOf, type InteropClient, type Json } from "./interop-client.ts";
import type { LineClient } from "./line-client.ts";

const append = "converge.context.v1.ContextService/Append";
const get = "converge.context.v1.ContextService/Get";

/** One entry that was sent. Payloads are unique, so that a repeat shows. */
interface Sent {
  readonly contextId: string;
  readonly payload: string;
  readonly idempotencyKey: string;
  /** Who sent it, if that one sends its next entry only after this one, or counts on their order. */
  readonly appender?: number;
  /** Entries that were sent together: all of them are there, or none. */
  readonly batch?: string;
}

interface Acknowledged extends Sent {
  readonly sequence: number;
  readonly id: string;
  readonly contentHash: string;
}

/** What was sent to a ledger, what it acknowledged, and whether it kept its word. */
export class Journal {
  readonly #acknowledged: Acknowledged[] = [];
  /** Sent and neither acknowledged nor refused: there at most once. */
  #unknown: Sent[] = [];
  readonly #verified = new Map<string, number>();
  #count = 0;
  #appenders = 0;

  get acknowledgedCount(): number {
    return this.#acknowledged.length;
  }

  get contexts(): string[] {
    return [...new Set([...this.#acknowledged, ...this.#unknown].map(({ contextId }) => contextId))];
  }

  /** Appends one entry after the other until the ledger fails; returns the code of that failure. */
  async appendUntilFailure(client: InteropClient, contextId: string, isIdempotent: boolean): Promise<string> {
    const appender = (this.#appenders += 1);
    for (;;) {
      const payload = this.#nextPayload();
      const sent = { contextId, payload, idempotencyKey: isIdempotent ? `key of ${payload}` : "", appender };
      const code = await this.append(client, sent);
      if (code !== "OK") return code;
    }
  }

  /** Appends one entry; returns how that went. A call that fails in the client itself has an unknown outcome. */
  async append(client: InteropClient, sent: Sent): Promise<string> {
    const { answers, error } = await client
      .call(append, {
        contextId: sent.contextId,
        key: "k",
        payload: btoa(sent.payload),
        idempotencyKey: sent.idempotencyKey,
      })
      .catch(() => ({ answers: [], error: { code: "UNAVAILABLE" } }));
    const [answer] = answers;
    if (answer === undefined) this.#unknown.push(sent);
    else this.#acknowledge(sent, answer["entry"] as Json);
    return error?.code ?? "OK";
  }

  /**
   * Appends until told to stop, whatever fails in between: with an idempotency key what failed is repeated until it is
   * acknowledged. Returns the codes of the failures.
   */
  async appendThroughFailures(
    client: InteropClient,
    contextId: string,
    isOver: () => boolean,
  ): Promise<string[]> {
    const failures: string[] = [];
    const appender = (this.#appenders += 1);
    for (let count = 0; !isOver(); count += 1) {
      const payload = this.#nextPayload();
      const idempotencyKey = count % 2 === 0 ? `key of ${payload}` : "";
      const sent = { contextId, payload, idempotencyKey, appender };
      let code = await this.append(client, sent);
      while (code !== "OK") {
        failures.push(code);
        await Bun.sleep(10);
        if (idempotencyKey === "") break;
        this.#unknown = this.#unknown.filter((unknown) => unknown !== sent);
        code = await this.append(client, sent);
      }
    }
    return failures;
  }

  /** Returns what is in the ledger although nobody was told so. */
  async unacknowledgedButThere(client: InteropClient): Promise<string[]> {
    const there = new Set<string>();
    for (const contextId of this.contexts) {
      const { entries = [] } = (await answerOf(client, get, { contextId })) as { entries?: Json[] };
      for (const { payload } of entries) there.add(atob(payload as string));
    }
    return this.#unknown.map(({ payload }) => payload).filter((payload) => there.has(payload));
  }

  /** Sends batches of three over AppendStream, up to 16 ahead of their answers, until the stream breaks. */
  async streamUntilFailure(client: LineClient, contextId: string): Promise<void> {
    const waiting: Sent[][] = [];
    const appender = (this.#appenders += 1);
    const sendOne = (): void => {
      const batch = this.#nextPayload();
      const entries = [0, 1, 2].map((n) => ({
        contextId,
        payload: `${batch}.${n}`,
        idempotencyKey: "",
        batch,
        appender,
      }));
      waiting.push(entries);
      stream.send({
        contextId,
        entries: entries.map(({ payload }) => ({ key: "k", payload: btoa(payload) })),
      });
    };
    const stream = client.converse("converge.ledger.v1.LedgerService/AppendStream", (answer) => {
      const receipts = (answer as { appended?: { receipts: Json[] } }).appended?.receipts;
      if (receipts === undefined) return;
      const entries = waiting.shift() ?? [];
      entries.forEach((sent, i) => this.#acknowledge(sent, receipts[i] ?? {}));
      sendOne();
    });
    for (let i = 0; i < 16; i += 1) sendOne();
    await stream.outcome.catch(() => undefined);
    this.#unknown.push(...waiting.flat());
  }

  /** Repeats what has an idempotency key and an unknown outcome: it must become one entry. */
  async retryUnknown(client: InteropClient): Promise<void> {
    const retried = this.#unknown.filter(({ idempotencyKey }) => idempotencyKey !== "");
    this.#unknown = this.#unknown.filter(({ idempotencyKey }) => idempotencyKey === "");
    for (const sent of retried) expect(await this.append(client, sent)).toBe("OK");
  }

  /** Repeats acknowledged appends: each must be answered with the entry it had, and say so. */
  async repeatAcknowledged(client: InteropClient, countMax: number): Promise<void> {
    const idempotent = this.#acknowledged
      .filter(({ idempotencyKey }) => idempotencyKey !== "")
      .slice(-countMax);
    for (const { contextId, payload, idempotencyKey, sequence, id, contentHash } of idempotent) {
      const answer = await answerOf(client, append, {
        contextId,
        key: "k",
        payload: btoa(payload),
        idempotencyKey,
      });
      expect(answer["duplicate"]).toBe(true);
      expect(answer["entry"]).toMatchObject({ sequence: String(sequence), id, contentHash });
    }
  }

  /**
   * Reads every context that was written, from where the last check ended or from the beginning, and checks: no gap, the
   * hashes are of the content, each acknowledged entry is there once with its sequence, id and hash, the others at most once.
   */
  async verify(client: InteropClient, { fromBeginning = false } = {}): Promise<void> {
    this.#verifyOrder();
    for (const contextId of this.contexts) {
      const after = fromBeginning ? 0 : (this.#verified.get(contextId) ?? 0);
      const [answer = {}] = await answersOf(client, get, { contextId, afterSequence: String(after) });
      const entries = (answer["entries"] ?? []) as Json[];
      this.#verified.set(contextId, after + entries.length);
      this.#verifyEntries(contextId, after, entries);
    }
  }

  /** What one appender sent in order has ascending sequences. */
  #verifyOrder(): void {
    const byAppender = Map.groupBy(this.#acknowledged, ({ appender }) => appender);
    byAppender.delete(undefined);
    const outOfOrder = [...byAppender.values()].flatMap((sent) =>
      sent.filter(({ sequence }, i) => sequence <= (sent[i - 1]?.sequence ?? 0)),
    );
    expect(outOfOrder).toEqual([]);
  }

  #verifyEntries(contextId: string, after: number, entries: readonly Json[]): void {
    expect(entries.map(({ sequence }) => Number(sequence))).toEqual(entries.map((_, i) => after + 1 + i));
    const wrongHash = entries.filter((entry) => entry["contentHash"] !== expectedEntryHash(contextId, entry));
    expect(wrongHash).toEqual([]);

    const acknowledged = this.#acknowledged.filter(
      (sent) => sent.contextId === contextId && sent.sequence > after,
    );
    const lost = acknowledged.filter(({ sequence, id, contentHash, payload }) => {
      const entry = entries[sequence - after - 1];
      return (
        entry?.["id"] !== id || entry["contentHash"] !== contentHash || entry["payload"] !== btoa(payload)
      );
    });
    expect(lost).toEqual([]);

    const payloads = entries.map(({ payload }) => atob(payload as string));
    expect(new Set(payloads).size).toBe(payloads.length);
    const unknown = this.#unknown.filter((sent) => sent.contextId === contextId);
    const known = new Set([...acknowledged, ...unknown].map(({ payload }) => payload));
    expect(payloads.filter((payload) => !known.has(payload))).toEqual([]);

    const there = new Set(payloads);
    const batches = Map.groupBy(
      unknown.filter(({ batch }) => batch !== undefined),
      ({ batch }) => batch,
    );
    const torn = [...batches.values()].filter(
      (batch) => ![0, batch.length].includes(batch.filter(({ payload }) => there.has(payload)).length),
    );
    expect(torn).toEqual([]);
  }

  #acknowledge(sent: Sent, entry: Json): void {
    const { sequence, id, contentHash } = entry as { sequence: string; id: string; contentHash: string };
    this.#acknowledged.push({ ...sent, sequence: Number(sequence), id, contentHash });
  }

  #nextPayload(): string {
    this.#count += 1;
    return `payload ${this.#count}`;
  }
}
