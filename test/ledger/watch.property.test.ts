import { expect, test } from "bun:test";
import fc from "fast-check";
import { encodeResumeToken, parseResumeToken } from "../../src/core/cursor.ts";
import type { StoredEntry } from "../../src/ledger/ports.ts";
import type { Span } from "../../src/ledger/tail.ts";
import type { Watcher } from "../../src/ledger/watcher.ts";
import { nextTurn } from "../support/ledger-clock.ts";
import { RecordingSink } from "../support/ledger-sink.ts";
import { loadSnapshot, snapshotOf } from "../support/ledger-snapshot.ts";
import { appendBatch, entriesOf, ledgerWorld } from "../support/ledger-world.ts";

const keys = ["a", "b", "c"];

/** A client that takes spans as a random plan says, and resumes with its token when it was cut off. */
class Client {
  readonly sink = new RecordingSink();
  watcher: Watcher | undefined;
  #last: StoredEntry | undefined;

  constructor(
    readonly key: string,
    room: number,
  ) {
    const take = this.sink.entries.bind(this.sink);
    this.sink.room = room;
    this.sink.entries = (span: Span): boolean => {
      this.#last = span.entries.at(-1);
      return take(span);
    };
  }

  makeRoom(spans: number): void {
    this.sink.room = spans;
    this.watcher?.resume();
  }

  get resumeToken(): Uint8Array {
    return encodeResumeToken(this.#last?.sequence ?? 0, this.#last?.contentHash);
  }
}

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      keys: fc.array(fc.constantFrom(...keys), { minLength: 1, maxLength: 30 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("turns" as const), count: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("watch" as const),
      key: fc.constantFrom("", ...keys),
      room: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("room" as const),
      client: fc.nat(),
      spans: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cut" as const), client: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("resume" as const), client: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("load" as const), added: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "fault" as const }) },
);

test("watchers that are slow, cut off and resumed see every matching entry once, in order, also across loads", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
      const { ledger, store } = ledgerWorld();
      const clients: Client[] = [];
      const start = async (client: Client): Promise<void> => {
        const from = parseResumeToken(client.resumeToken, "resume_token");
        const asked = { contextId: "c", key: client.key, from, heartbeatMs: 0, resets: true, proofs: false };
        client.watcher = await ledger.watch(asked, client.sink);
        client.watcher.wake();
      };
      const running: Promise<unknown>[] = [];
      for (const action of steps) {
        switch (action.kind) {
          case "append":
            running.push(
              appendBatch(
                ledger,
                "c",
                action.keys.map((key) => ({ key })),
              ).catch(() => {}),
            );
            break;
          case "turns":
            for (let turn = 0; turn < action.count; turn += 1) await nextTurn();
            break;
          case "watch": {
            const client = new Client(action.key, action.room);
            clients.push(client);
            await start(client);
            break;
          }
          case "room":
            clients[action.client % (clients.length + 1)]?.makeRoom(action.spans);
            break;
          case "cut": {
            const client = clients[action.client % (clients.length + 1)];
            client?.watcher?.close();
            break;
          }
          case "resume": {
            const client = clients[action.client % (clients.length + 1)];
            client?.watcher?.close();
            await (client && start(client));
            break;
          }
          case "load": {
            // The same history in another ledger, some entries further, comes back as a snapshot.
            await Promise.all(running);
            const copy = ledgerWorld().ledger;
            await loadSnapshot(copy, "c", await snapshotOf(ledger, "c"));
            await appendBatch(
              copy,
              "c",
              Array.from({ length: action.added }, (_, i) => ({ key: keys[i % 3] ?? "a" })),
            );
            running.push(loadSnapshot(ledger, "c", await snapshotOf(copy, "c")).catch(() => {}));
            break;
          }
          case "fault":
            store.faults.push({ kind: "fails", failure: "unknown", written: store.commits.length % 2 === 0 });
        }
      }
      await Promise.all(running);
      for (const client of clients) {
        client.sink.room = Number.POSITIVE_INFINITY;
        client.watcher?.close();
        await start(client);
      }
      for (let turn = 0; turn < 30; turn += 1) await nextTurn();
      const entries = await entriesOf(ledger, "c");
      for (const { key, sink } of clients) {
        const matching = entries.filter((entry) => key === "" || entry.key === key);
        expect(sink.received).toEqual(matching);
        expect(sink.endedWith).toBeUndefined();
      }
      expect(ledger.watchCounts()).toMatchObject({ watchers: clients.length, lagging: 0 });
      for (const { watcher } of clients) watcher?.close();
      expect(ledger.watchCounts()).toEqual({ watchers: 0, contexts: 0, lagging: 0 });
    }),
    { numRuns: 150 },
  );
});
