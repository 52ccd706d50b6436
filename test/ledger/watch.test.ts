import { describe, expect, test } from "bun:test";
import { encodeResumeToken, parseResumeToken } from "../../src/core/cursor.ts";
import { LedgerError } from "../../src/core/errors.ts";
import { limits } from "../../src/core/limits.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { watchCursor } from "../../src/ledger/watch-cursor.ts";
import type { WatchRequest } from "../../src/ledger/ledger-api.ts";
import type { Watcher } from "../../src/ledger/watcher.ts";
import { nextTurn } from "../support/ledger-clock.ts";
import { RecordingSink } from "../support/ledger-sink.ts";
import { loadSnapshot, snapshotOf } from "../support/ledger-snapshot.ts";
import { append, appendBatch, appendMany, factsOf, get, ledgerWorld } from "../support/ledger-world.ts";

const nobody = { watchers: 0, contexts: 0, lagging: 0 };

async function watch(
  ledger: Ledger,
  parts: Partial<WatchRequest> = {},
): Promise<{ watcher: Watcher; sink: RecordingSink }> {
  const sink = new RecordingSink();
  const asked = {
    contextId: "c",
    key: "",
    from: { sequence: 0 } as const,
    heartbeatMs: 0,
    resets: true,
    proofs: false,
    ...parts,
  };
  const watcher = await ledger.watch(asked, sink);
  watcher.wake();
  return { watcher, sink };
}

async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await nextTurn();
}

function range(from: number, through: number): number[] {
  return Array.from({ length: through - from + 1 }, (_, i) => from + i);
}

describe("watch()", () => {
  test("sends what there is, says that it has caught up, and then what comes", async () => {
    const { ledger } = ledgerWorld();
    await appendMany(ledger, "c", 3);
    const { sink } = await watch(ledger);
    await turns();
    await append(ledger, "c");
    await append(ledger, "other");
    await appendBatch(ledger, "c", [{}, {}]);
    await turns();
    expect(sink.events).toEqual([1, 2, 3, "caught up 3", 4, 5, 6]);
  });

  test("sends entries as they are stored", async () => {
    const { ledger } = ledgerWorld();
    await append(ledger, "c", { payload: "before" });
    const { sink } = await watch(ledger);
    await append(ledger, "c", { key: "k", payload: "after", metadata: [["n", "v"]] });
    await turns();
    const { entries } = await get(ledger, "c");
    expect(
      sink.spans
        .flatMap((span) => span.entries)
        .map(({ sequence, contentHash, wire }) => ({ sequence, contentHash, wire })),
    ).toEqual([...entries]);
  });

  test.each<[string, WatchRequest["from"], (number | string)[]]>([
    ["the beginning", { sequence: 0 }, [1, 2, 3, "caught up 3", 4]],
    ["the middle", { sequence: 2 }, [3, "caught up 3", 4]],
    ["the end", { sequence: 3 }, ["caught up 3", 4]],
    ["only new entries", { sequence: "latest" }, ["caught up 3", 4]],
  ])("from %s", async (_, from, events) => {
    const { ledger } = ledgerWorld();
    await appendMany(ledger, "c", 3);
    const { sink } = await watch(ledger, { from });
    await turns();
    await append(ledger, "c");
    await turns();
    expect(sink.events).toEqual(events);
  });

  test("of a context that does not exist yet begins with its first entry", async () => {
    const { ledger } = ledgerWorld();
    const { sink } = await watch(ledger, { from: { sequence: "latest" } });
    await append(ledger, "c");
    await turns();
    expect(sink.events).toEqual(["caught up 0", 1]);
  });

  test("sends only entries of its key, stored and new, and is not behind because of others", async () => {
    const { ledger } = ledgerWorld();
    const keys = ["a", "b", "a", "b", "b"];
    await appendBatch(
      ledger,
      "c",
      keys.map((key) => ({ key })),
    );
    const { sink } = await watch(ledger, { key: "a" });
    const none = await watch(ledger, { key: "x" });
    await turns();
    for (const key of ["b", "a", "b"]) await append(ledger, "c", { key });
    await turns();
    expect(sink.events).toEqual([1, 3, "caught up 5", 7]);
    expect(none.sink.events).toEqual(["caught up 5"]);
    expect(ledger.watchCounts()).toEqual({ watchers: 2, contexts: 1, lagging: 0 });
  });

  test("reads far behind page by page, with turns for others, and meets the live entries without a gap", async () => {
    const { ledger, store } = ledgerWorld();
    await appendMany(ledger, "c", 2000);
    store.reads.length = 0;
    const { sink } = await watch(ledger);
    await nextTurn();
    await append(ledger, "c");
    await turns(20);
    await appendMany(ledger, "c", 20);
    await turns(20);
    expect(sink.sequences).toEqual(range(1, 2021));
    expect(Math.max(...store.reads.map(({ entriesMax }) => entriesMax))).toBeLessThanOrEqual(
      limits.readPageEntries,
    );
  });

  test("of the newest entries needs no store", async () => {
    const { ledger, store } = ledgerWorld();
    await append(ledger, "c");
    const { sink } = await watch(ledger, { from: { sequence: "latest" } });
    store.reads.length = 0;
    for (let i = 0; i < 5; i += 1) await append(ledger, "c");
    await turns();
    expect(sink.sequences).toEqual(range(2, 6));
    expect(store.reads).toEqual([]);
  });
});

describe("a watch cursor", () => {
  test.each<[string, bigint, bigint]>([
    ["one above the head", 4n, 4n],
    ["2^53", 2n ** 53n, 2n ** 53n],
    ["2^53 + 1", 2n ** 53n + 1n, 2n ** 53n + 1n],
    ["2^64 - 2", 2n ** 64n - 2n, 2n ** 64n - 2n],
  ])("%s is OUT_OF_RANGE naming the head", async (_, from, value) => {
    const { ledger } = ledgerWorld();
    await appendMany(ledger, "c", 3);
    const { value: named, ...facts } = (await factsOf(
      watch(ledger, { from: watchCursor(from, new Uint8Array(0)) }),
    )) as { value: bigint | number };
    expect(BigInt(named)).toBe(value);
    expect<object>(facts).toEqual({
      code: "OUT_OF_RANGE",
      reason: "SEQUENCE_ABOVE_HEAD",
      field: "from_sequence",
      limit: 3,
      sequence: 3,
      remedy: "continue from 3, or use 18446744073709551615 for new entries only",
    });
    expect(ledger.watchCounts()).toEqual(nobody);
  });

  test("of 2^64 - 1 is the newest entry", () => {
    expect(watchCursor(2n ** 64n - 1n, new Uint8Array(0))).toEqual({ sequence: "latest" });
  });

  test("is the token rather than the sequence", async () => {
    const { ledger } = ledgerWorld();
    await appendMany(ledger, "c", 3);
    const { resumeToken } = await get(ledger, "c", { limit: 2 });
    const { sink } = await watch(ledger, { from: watchCursor(0n, resumeToken) });
    await turns();
    expect(sink.events).toEqual([3, "caught up 3"]);
  });

  test("of a replaced history is a reset for those who can be told, and ABORTED for others", async () => {
    const { ledger } = ledgerWorld();
    await appendMany(ledger, "c", 3);
    const from = parseResumeToken(encodeResumeToken(2, new Uint8Array(32).fill(9)), "resume_token");
    const { sink, watcher } = await watch(ledger, { from });
    await turns();
    expect(sink.events).toEqual(["reset 0", 1, 2, 3, "caught up 3"]);
    watcher.close();
    expect(await factsOf(watch(ledger, { from, resets: false, proofs: false }))).toMatchObject({
      code: "ABORTED",
      reason: "HISTORY_REPLACED",
    });
    expect(ledger.watchCounts()).toEqual(nobody);
  });
});

describe("a slow sink", () => {
  test("is sent nothing until it has room, then everything in order", async () => {
    const { ledger } = ledgerWorld();
    await appendMany(ledger, "c", 3);
    const sink = new RecordingSink();
    sink.room = 1;
    const watcher = await ledger.watch(
      { contextId: "c", key: "", from: { sequence: 0 }, heartbeatMs: 0, resets: true, proofs: false },
      sink,
    );
    watcher.wake();
    await turns();
    expect(sink.events).toEqual([1, 2, 3]);
    for (let i = 0; i < 10; i += 1) await append(ledger, "c");
    await turns();
    expect(sink.events).toEqual([1, 2, 3]);
    expect(ledger.watchCounts()).toEqual({ watchers: 1, contexts: 1, lagging: 1 });
    sink.makeRoom(watcher, Number.POSITIVE_INFINITY);
    await turns();
    expect(sink.events).toEqual([1, 2, 3, "caught up 3", ...range(4, 13)]);
    expect(ledger.watchCounts()).toEqual({ watchers: 1, contexts: 1, lagging: 0 });
  });

  test("does not hold up others", async () => {
    const { ledger } = ledgerWorld();
    await append(ledger, "c");
    const slow = new RecordingSink();
    slow.room = 1;
    (
      await ledger.watch(
        { contextId: "c", key: "", from: { sequence: 0 }, heartbeatMs: 0, resets: true, proofs: false },
        slow,
      )
    ).wake();
    const fast = await watch(ledger);
    await appendMany(ledger, "c", 100);
    await turns();
    expect(fast.sink.sequences).toEqual(range(1, 101));
    expect(slow.sequences).toEqual([1]);
  });

  test("is sent at most the buffer's bytes at once", async () => {
    const { ledger } = ledgerWorld();
    const payload = new Uint8Array(100_000);
    for (let i = 0; i < 20; i += 1) await append(ledger, "c", { payload });
    const { sink } = await watch(ledger);
    const live = await watch(ledger, { from: { sequence: "latest" } });
    await Promise.all(range(1, 20).map(() => append(ledger, "c", { payload })));
    await turns(40);
    const sizes = [...sink.spans, ...live.sink.spans].map(({ entries }) =>
      entries.reduce((sum, { wire }) => sum + wire.length, 0),
    );
    expect(Math.max(...sizes)).toBeLessThanOrEqual(limits.watcherBufferBytes + payload.length + 100);
    expect([sink.sequences, live.sink.sequences]).toEqual([range(1, 40), range(21, 40)]);
  });
});

describe("a watcher that is over", () => {
  test("is forgotten at once, with its timers, and its sink is not called again", async () => {
    const { ledger, clock } = ledgerWorld();
    await append(ledger, "c");
    const { watcher, sink } = await watch(ledger, { heartbeatMs: 100 });
    const other = await watch(ledger);
    expect(ledger.watchCounts().watchers).toBe(2);
    watcher.close();
    watcher.close();
    expect(ledger.watchCounts()).toEqual({ watchers: 1, contexts: 1, lagging: 1 });
    other.watcher.close();
    expect(ledger.watchCounts()).toEqual(nobody);
    expect(clock.pending).toBe(0);
    await append(ledger, "c");
    watcher.wake();
    watcher.resume();
    watcher.end(new LedgerError("UNAVAILABLE", "x", { reason: "X" }));
    await clock.advance(1000);
    await turns();
    expect([sink.events, other.sink.events]).toEqual([[], []]);
  });

  test("in the middle of a read of the store is sent nothing of it", async () => {
    const { ledger } = ledgerWorld();
    await appendMany(ledger, "c", 2000);
    const { watcher, sink } = await watch(ledger);
    watcher.close();
    await turns();
    expect(sink.events).toEqual([]);
    expect(ledger.watchCounts()).toEqual(nobody);
  });

  test("by endAll is told why, and a later watch goes on", async () => {
    const { ledger } = ledgerWorld();
    await append(ledger, "c");
    const watches = await Promise.all([
      watch(ledger),
      watch(ledger, { key: "facts" }),
      watch(ledger, { contextId: "d" }),
    ]);
    await turns();
    ledger.endWatches(new LedgerError("UNAVAILABLE", "restarting", { reason: "WATCH_RESTARTED" }));
    expect(ledger.watchCounts()).toEqual(nobody);
    expect(watches.map(({ sink }) => sink.events.at(-1))).toEqual(watches.map(() => "ended WATCH_RESTARTED"));
    const again = await watch(ledger, { from: { sequence: 1 } });
    await append(ledger, "c");
    await turns();
    expect(again.sink.events).toEqual(["caught up 1", 2]);
  });

  test("because its sink threw does not take the others with it", async () => {
    const { ledger } = ledgerWorld();
    const broken = new RecordingSink();
    broken.entries = () => {
      throw new TypeError("the stream is closed");
    };
    (
      await ledger.watch(
        { contextId: "c", key: "", from: { sequence: 0 }, heartbeatMs: 0, resets: true, proofs: false },
        broken,
      )
    ).wake();
    const fine = await watch(ledger);
    const elsewhere = await watch(ledger, { contextId: "d" });
    await append(ledger, "c");
    await append(ledger, "d");
    await turns();
    await append(ledger, "c");
    await turns();
    expect([fine.sink.sequences, elsewhere.sink.sequences]).toEqual([[1, 2], [1]]);
    expect(ledger.watchCounts()).toEqual({ watchers: 2, contexts: 2, lagging: 0 });
  });
});

describe("heartbeats", () => {
  test("come when nothing was sent for that long, and name the newest sequence", async () => {
    const { ledger, clock } = ledgerWorld();
    await append(ledger, "c");
    const { sink } = await watch(ledger, { heartbeatMs: 1000 });
    await turns();
    await clock.advance(999);
    expect(sink.events).toEqual([1, "caught up 1"]);
    await clock.advance(1);
    await clock.advance(600);
    await append(ledger, "c");
    await turns();
    await clock.advance(999);
    expect(sink.events).toEqual([1, "caught up 1", "heartbeat 1", 2]);
    await clock.advance(1);
    await clock.advance(2000);
    expect(sink.events.slice(4)).toEqual(["heartbeat 2", "heartbeat 2", "heartbeat 2"]);
  });

  test("wait, like entries, for a client that has enough", async () => {
    const { ledger, clock } = ledgerWorld();
    const { watcher, sink } = await watch(ledger, { heartbeatMs: 100 });
    await turns();
    sink.room = 1;
    for (let i = 0; i < 20; i += 1) await clock.advance(100);
    expect(sink.events).toEqual(["caught up 0", "heartbeat 0"]);
    sink.room = 10;
    watcher.resume();
    await clock.advance(100);
    expect(sink.events).toEqual(["caught up 0", "heartbeat 0", "heartbeat 0"]);
  });

  test("come in a filtered watch whose key does not", async () => {
    const { ledger, clock } = ledgerWorld();
    const { sink } = await watch(ledger, { heartbeatMs: 100, key: "k" });
    await append(ledger, "c");
    await turns();
    await clock.advance(100);
    expect(sink.events).toEqual(["caught up 0", "heartbeat 1"]);
  });

  test("are not piled up before a sink that is full", async () => {
    const { ledger, clock } = ledgerWorld();
    await append(ledger, "c");
    const sink = new RecordingSink();
    sink.room = 1;
    const watcher = await ledger.watch(
      { contextId: "c", key: "", from: { sequence: 0 }, heartbeatMs: 100, resets: true, proofs: false },
      sink,
    );
    watcher.wake();
    await turns();
    await clock.advance(1000);
    expect(sink.events).toEqual([1]);
    sink.makeRoom(watcher, 10);
    await clock.advance(100);
    expect(sink.events).toEqual([1, "caught up 1", "heartbeat 1"]);
  });
});

describe("many watchers", () => {
  test("of one context share what is encoded for them", async () => {
    const { ledger } = ledgerWorld();
    let encoded = 0;
    const answers = new Set<Uint8Array>();
    const sink = {
      entries(span: RecordingSink["spans"][number]): boolean {
        answers.add(
          span.encoded("test", (entries) => {
            encoded += 1;
            return new Uint8Array(entries.length);
          }),
        );
        return true;
      },
      heartbeat: () => true,
      caughtUp: () => {},
      reset: () => {},
      ended: () => {},
    };
    for (let i = 0; i < 1000; i += 1) {
      const asked = {
        contextId: "c",
        key: i % 2 === 0 ? "" : "facts",
        from: { sequence: 0 },
        heartbeatMs: 0,
        resets: true,
        proofs: false,
      };
      (await ledger.watch(asked, sink)).wake();
    }
    await appendBatch(ledger, "c", [{}, {}, {}]);
    await turns(100);
    expect(encoded).toBe(2);
    expect([...answers].map(({ length }) => length)).toEqual([3, 3]);
    await append(ledger, "c");
    await turns(100);
    expect(encoded).toBe(4);
    expect(ledger.watchCounts()).toEqual({ watchers: 1000, contexts: 1, lagging: 0 });
  });

  test("over the bound are refused", async () => {
    const { ledger } = ledgerWorld();
    const sink = new RecordingSink();
    const asked = {
      contextId: "c",
      key: "",
      from: { sequence: 0 },
      heartbeatMs: 0,
      resets: true,
      proofs: false,
    };
    const watchers: Watcher[] = [];
    for (let i = 0; i < limits.watchersMax; i += 1) watchers.push(await ledger.watch(asked, sink));
    expect(await factsOf(ledger.watch(asked, sink))).toEqual({
      code: "RESOURCE_EXHAUSTED",
      reason: "TOO_MANY_WATCHERS",
      value: limits.watchersMax,
      limit: limits.watchersMax,
      remedy: "watch fewer contexts, or retry when others have ended",
      retryAfterMs: 1000,
    });
    watchers.pop()?.close();
    watchers.push(await ledger.watch(asked, sink));
    for (const watcher of watchers) watcher.close();
    expect(ledger.watchCounts()).toEqual(nobody);
  });
});

describe("the shared tail", () => {
  test("of all contexts together is bounded; those that lost it read the store", async () => {
    const { ledger, store } = ledgerWorld();
    const payload = new Uint8Array(4 * 2 ** 20);
    const slow = new RecordingSink();
    slow.room = 1;
    const watcher = await ledger.watch(
      { contextId: "c0", key: "", from: { sequence: 0 }, heartbeatMs: 0, resets: true, proofs: false },
      slow,
    );
    watcher.wake();
    const contexts = range(0, 9).map((i) => `c${i}`);
    const others = await Promise.all(contexts.map((contextId) => watch(ledger, { contextId })));
    await append(ledger, "c0", { payload });
    await turns();
    await append(ledger, "c0", { payload });
    await turns();
    for (const contextId of contexts.slice(1)) await append(ledger, contextId, { payload });
    await turns();
    store.reads.length = 0;
    slow.makeRoom(watcher, 10);
    await turns();
    expect(store.reads.length).toBeGreaterThan(0);
    expect(slow.sequences).toEqual([1, 2]);
    expect(others.map(({ sink }) => sink.sequences)).toEqual([[1, 2], ...contexts.slice(1).map(() => [1])]);
    expect(limits.tailBytesMax).toBe(32 * 2 ** 20);
  });
});

describe("a load into a watched context", () => {
  test("reaches its watchers: new entries, in order, once", async () => {
    const source = ledgerWorld();
    await appendMany(source.ledger, "c", 700);
    const prefix = await snapshotOf(source.ledger, "c");
    await appendMany(source.ledger, "c", 700);
    const whole = await snapshotOf(source.ledger, "c");
    const { ledger } = ledgerWorld();
    const all = await watch(ledger);
    const filtered = await watch(ledger, { key: "facts", from: { sequence: "latest" } });
    await loadSnapshot(ledger, "c", prefix);
    await turns(20);
    const late = await watch(ledger, { from: { sequence: 690 } });
    await loadSnapshot(ledger, "c", whole);
    await append(ledger, "c");
    await turns(30);
    expect(all.sink.sequences).toEqual(range(1, 1401));
    expect(filtered.sink.sequences).toEqual(range(1, 1401));
    expect(late.sink.sequences).toEqual(range(691, 1401));
  });
});
