import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createLedgerClient, type LedgerClient } from "../../src/client/ledger-client.ts";
import type { WatchItem, WatchOptions } from "../../src/client/watch.ts";
import { ContextService, WatchEventSchema } from "../../src/gen/converge/context/v1/context_pb.ts";
import { FakeContext } from "../support/fake-context.ts";
import { type Fault, fakeFetch } from "../support/fake-server.ts";

const backoff = { firstMs: 1, maxMs: 1 };
const url = "http://ledger.test";

describe("watch()", () => {
  test("delivers every entry once and in order, wherever its connections break", async () => {
    const fault = fc.oneof(
      fc.record({ kind: fc.constant("cut" as const), afterBytes: fc.integer({ min: 0, max: 400 }) }),
      fc.constant({ kind: "refused" as const }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { maxLength: 8 }),
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 0, max: 12 }),
        fc.constantFrom("", "even"),
        async (faults, before, later, key) => {
          const context = new FakeContext();
          for (let i = 0; i < before; i += 1) context.append();
          const expected = sequences(before + later, key);
          const seen: bigint[] = [];
          const stop = new AbortController();
          const watching = (async () => {
            for await (const item of clientOf(context, faults).watch("c", { key, signal: stop.signal })) {
              if (item.kind === "entry") seen.push(item.entry.sequence);
              if (seen.length === expected.length && item.kind !== "gap") break;
            }
          })();
          for (let i = 0; i < later; i += 1) {
            context.append();
            await Promise.resolve();
          }
          if (expected.length > 0) await watching;
          stop.abort();
          await watching.catch(() => {});
          expect(seen).toEqual(expected);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("misses nothing that came while it was disconnected, when it began with only new entries", async () => {
    const context = new FakeContext();
    context.append();
    // The first connection breaks right after it told where it begins.
    const items = take(clientOf(context, [{ kind: "cut", afterBytes: 12 }]), { after: "now" }, 3, (count) => {
      if (count === 1) context.append();
      if (count === 2) context.append();
    });
    expect((await items).map(summaryOf)).toEqual(["caught-up 1", "entry 2", "entry 3"]);
  });

  test("says once that it caught up", async () => {
    const context = new FakeContext();
    context.append();
    const items = await take(clientOf(context, [{ kind: "cut", afterBytes: 90 }]), {}, 3, (count) => {
      if (count === 2) context.append();
    });
    expect(items.map(summaryOf)).toEqual(["entry 1", "caught-up 1", "entry 2"]);
  });

  test("goes on after a gap and a reset, and tells of both", async () => {
    const requests: string[] = [];
    const events = [
      [
        { control: { case: "gap" as const, value: { nextSequence: 5n } } },
        { entry: { sequence: 5n, contentHash: new Uint8Array(32) } },
      ],
      [{ control: { case: "reset" as const, value: { sequence: 3n } } }],
      [{ entry: { sequence: 4n, contentHash: new Uint8Array(32) } }],
    ];
    const fetch = fakeFetch((router) => {
      router.service(ContextService, {
        async *watch(request) {
          requests.push(request.resumeToken.length > 0 ? "token" : `from ${request.fromSequence}`);
          for (const event of events.shift() ?? []) yield create(WatchEventSchema, event);
        },
      });
    });
    const items = await take(createLedgerClient({ url, fetch, backoff }), {}, 4, () => {});
    expect(items.map(summaryOf)).toEqual(["gap 5", "entry 5", "reset 3", "entry 4"]);
    expect(requests).toEqual(["from 0", "token", "from 3"]);
  });

  test("refuses a stream that leaves out an entry", async () => {
    const fetch = fakeFetch((router) => {
      router.service(ContextService, {
        async *watch() {
          for (const sequence of [1n, 3n])
            yield create(WatchEventSchema, { entry: { sequence, contentHash: new Uint8Array(32) } });
        },
      });
    });
    const items = take(createLedgerClient({ url, fetch, backoff }), {}, 9, () => {});
    await expect(items).rejects.toThrow("expected entry 2, but 3 arrived");
  });

  test("ends with the server's answer when it is refused", async () => {
    const fetch = fakeFetch((router) => {
      router.service(ContextService, {
        watch: () => {
          throw new ConnectError("above the head", Code.OutOfRange);
        },
      });
    });
    await expect(take(createLedgerClient({ url, fetch, backoff }), {}, 1, () => {})).rejects.toThrow(
      "above the head",
    );
  });

  test("gives up when no connection was ever made", async () => {
    let attempts = 0;
    const fetch = fakeFetch(
      () => {},
      () => {
        attempts += 1;
        return { kind: "refused" };
      },
    );
    const client = createLedgerClient({ url, fetch, backoff, attemptsMax: 3 });
    await expect(take(client, {}, 1, () => {})).rejects.toThrow("connection refused");
    expect(attempts).toBe(3);
  });

  test("ends with the signal's reason", async () => {
    const context = new FakeContext();
    const stop = new AbortController();
    const items = take(clientOf(context, []), { signal: stop.signal }, 2, () =>
      stop.abort(new Error("enough")),
    );
    await expect(items).rejects.toThrow("enough");
  });

  test("gives a silent connection up and makes another", async () => {
    let connections = 0;
    const fetch = fakeFetch((router) => {
      router.service(ContextService, {
        async *watch(_, { signal }) {
          connections += 1;
          if (connections === 2)
            yield create(WatchEventSchema, { entry: { sequence: 1n, contentHash: new Uint8Array(32) } });
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
      });
    });
    const items = await take(createLedgerClient({ url, fetch, backoff }), { heartbeatMs: 10 }, 1, () => {});
    expect(items.map(summaryOf)).toEqual(["entry 1"]);
    expect(connections).toBe(2);
  });
});

function clientOf(context: FakeContext, faults: readonly Fault[]): LedgerClient {
  const left = [...faults];
  const fetch = fakeFetch(
    (router) => {
      router.service(ContextService, { watch: (request, how) => context.watch(request, how) });
    },
    () => left.shift(),
  );
  return createLedgerClient({ url, fetch, backoff, attemptsMax: faults.length + 1 });
}

/** Returns the first items of a watch. */
async function take(
  client: LedgerClient,
  options: WatchOptions,
  count: number,
  afterItem: (count: number) => void,
): Promise<WatchItem[]> {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const items: WatchItem[] = [];
  for await (const item of client.watch("c", { ...options, signal })) {
    items.push(item);
    afterItem(items.length);
    if (items.length === count) break;
  }
  stop.abort();
  return items;
}

function summaryOf(item: WatchItem): string {
  switch (item.kind) {
    case "entry":
      return `entry ${item.entry.sequence}`;
    case "caught-up":
      return `caught-up ${item.latestSequence}`;
    case "gap":
      return `gap ${item.nextSequence}`;
    case "reset":
      return `reset ${item.sequence}`;
  }
}

function sequences(count: number, key: string): bigint[] {
  const all = Array.from({ length: count }, (_, index) => BigInt(index + 1));
  return key === "even" ? all.filter((sequence) => sequence % 2n === 0n) : all;
}
