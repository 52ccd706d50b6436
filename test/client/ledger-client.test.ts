import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "bun:test";
import { AcknowledgedSequences } from "../../src/client/acknowledged-sequences.ts";
import { createLedgerClient, type LedgerClientOptions } from "../../src/client/ledger-client.ts";
import {
  type AppendRequest,
  ContextService,
  type GetRequest,
  GetResponseSchema,
} from "../../src/gen/converge/context/v1/context_pb.ts";
import { type ListContextsRequest, LedgerService } from "../../src/gen/converge/ledger/v1/ledger_pb.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import { fakeFetch } from "../support/fake-server.ts";

const options: LedgerClientOptions = { url: "http://ledger.test/", backoff: { firstMs: 1, maxMs: 1 } };
const payload = new Uint8Array([1, 2, 3]);

describe("append()", () => {
  test("repeats with one idempotency key while the server is unavailable", async () => {
    const requests: AppendRequest[] = [];
    const delays: number[] = [];
    const fetch = fakeFetch((router) => {
      router.service(ContextService, {
        append(request) {
          requests.push(request);
          if (requests.length < 3) throw unavailable(20);
          return { entry: { sequence: 7n } };
        },
      });
    });
    const client = createLedgerClient({ ...options, fetch, onRetry: (_, delayMs) => delays.push(delayMs) });
    expect((await client.append("c", { key: "k", payload })).entry?.sequence).toBe(7n);
    expect(requests.map(({ contextId, key }) => `${contextId} ${key}`)).toEqual(["c k", "c k", "c k"]);
    expect(new Set(requests.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    expect(requests[0]?.idempotencyKey).toMatch(/^[0-9a-f-]{36}$/);
    // The server asked for 20 ms, the backoff alone would be 1.
    expect(delays).toEqual([20, 20]);
  });

  test("gives different calls different keys, and keeps the caller's", async () => {
    const keys: string[] = [];
    const fetch = fakeFetch((router) => {
      router.service(ContextService, {
        append: ({ idempotencyKey }) => {
          keys.push(idempotencyKey);
          return {};
        },
      });
    });
    const client = createLedgerClient({ ...options, fetch });
    await client.append("c", { key: "k" });
    await client.append("c", { key: "k" });
    await client.append("c", { key: "k", idempotencyKey: "mine" });
    expect(new Set(keys).size).toBe(3);
    expect(keys[2]).toBe("mine");
  });

  test("repeats after a connection that was refused or broke off", async () => {
    const faults = [{ kind: "refused" as const }, { kind: "cut" as const, afterBytes: 1 }];
    const fetch = fakeFetch(
      (router) => {
        router.service(ContextService, { append: () => ({ entry: { sequence: 1n } }) });
      },
      () => faults.shift(),
    );
    const answer = await createLedgerClient({ ...options, fetch }).append("c", { key: "k" });
    expect(answer.entry?.sequence).toBe(1n);
  });

  test("gives up after attemptsMax", async () => {
    let attempts = 0;
    const fetch = fakeFetch((router) => {
      router.service(ContextService, {
        append: () => {
          attempts += 1;
          throw unavailable(0);
        },
      });
    });
    const client = createLedgerClient({ ...options, fetch, attemptsMax: 4 });
    await expect(client.append("c", { key: "k" })).rejects.toThrow("busy");
    expect(attempts).toBe(4);
  });

  test("does not repeat what the server refused", async () => {
    let attempts = 0;
    const fetch = fakeFetch((router) => {
      router.service(ContextService, {
        append: () => {
          attempts += 1;
          throw new ConnectError("no key", Code.InvalidArgument);
        },
      });
    });
    await expect(createLedgerClient({ ...options, fetch }).append("c", { key: "" })).rejects.toThrow(
      "no key",
    );
    expect(attempts).toBe(1);
  });

  test("stops waiting when it is aborted", async () => {
    const stop = new AbortController();
    const fetch = fakeFetch((router) => {
      router.service(ContextService, {
        append: () => {
          throw unavailable(60_000);
        },
      });
    });
    const client = createLedgerClient({ ...options, fetch, onRetry: () => stop.abort(new Error("enough")) });
    await expect(client.append("c", { key: "k" }, { signal: stop.signal })).rejects.toThrow("enough");
  });
});

describe("reads of what was written", () => {
  function serverOf() {
    const asked: string[] = [];
    const fetch = fakeFetch((router) => {
      router.service(ContextService, {
        append: ({ contextId }) => ({ entry: { sequence: contextId === "a" ? 7n : 3n } }),
        get(request) {
          asked.push(`${request.contextId} ${request.minSequence} ${request.read}`);
          return create(GetResponseSchema, {});
        },
        load: () => ({ latestSequence: 20n }),
      });
      router.service(LedgerService, {
        appendBatch: () => ({ receipts: [{ sequence: 11n }, { sequence: 12n }, { sequence: 4n }] }),
      });
    });
    const client = createLedgerClient({ ...options, fetch });
    const read = async (contextId: string, range = {}): Promise<string | undefined> => {
      await Array.fromAsync(client.get(contextId, range));
      return asked.at(-1);
    };
    return { client, read, fetch, asked };
  }

  test("wait for the last acknowledgement in that context", async () => {
    const { client, read } = serverOf();
    expect(await read("a")).toBe("a 0 0");
    await client.append("a", { key: "k" });
    expect([await read("a"), await read("b")]).toEqual(["a 7 0", "b 0 0"]);
    await client.appendBatch("a", [{ key: "k" }]);
    expect(await read("a")).toBe("a 12 0");
    await client.append("a", { key: "k" });
    expect(await read("a")).toBe("a 12 0");
    await client.load("a", payload);
    expect(await read("a")).toBe("a 20 0");
  });

  test("are of any copy, and wait for what they are told, if that is asked for", async () => {
    const { client, read } = serverOf();
    await client.append("a", { key: "k" });
    expect(await read("a", { read: "any" })).toBe("a 7 2");
    expect(await read("a", { read: "any", minSequence: 0n })).toBe("a 0 2");
  });

  test("wait for nothing if that is turned off", async () => {
    const { fetch, asked } = serverOf();
    const client = createLedgerClient({ ...options, fetch, readYourWrites: false });
    await client.append("a", { key: "k" });
    await Array.fromAsync(client.get("a"));
    expect(asked).toEqual(["a 0 0"]);
  });

  test("remember a bounded number of contexts", () => {
    const acknowledged = new AcknowledgedSequences();
    for (let n = 0; n <= 10_000; n += 1) acknowledged.note(`c${n}`, 5n);
    expect([acknowledged.of("c0"), acknowledged.of("c1"), acknowledged.of("c10000")]).toEqual([0n, 5n, 5n]);
    acknowledged.note("c1", 2n);
    acknowledged.note("new", 1n);
    expect([acknowledged.of("c1"), acknowledged.of("c2")]).toEqual([5n, 0n]);
  });
});

describe("get()", () => {
  const pages = (requests: GetRequest[]) =>
    fakeFetch((router) => {
      router.service(ContextService, {
        get(request) {
          requests.push(request);
          const first =
            request.resumeToken.length === 0 ? Number(request.afterSequence) : (request.resumeToken[0] ?? 0);
          const size = Math.min(2, request.limit || 2, 5 - first);
          const entries = Array.from({ length: size }, (_, index) => ({
            sequence: BigInt(first + index + 1),
          }));
          const last = first + size;
          const more = last < 5 && (request.limit === 0 || size < request.limit);
          return create(GetResponseSchema, { entries, more, resumeToken: new Uint8Array([last]) });
        },
      });
    });

  test.each([
    [{}, [1n, 2n, 3n, 4n, 5n], 3],
    [{ after: 3n }, [4n, 5n], 1],
    [{ limit: 3 }, [1n, 2n, 3n], 2],
    [{ limit: 2 }, [1n, 2n], 1],
    [{ limit: 0 }, [], 0],
  ])("%p reads its pages", async (range, expected, calls) => {
    const requests: GetRequest[] = [];
    const client = createLedgerClient({ ...options, fetch: pages(requests) });
    const sequences = [];
    for await (const { sequence } of client.get("c", range)) sequences.push(sequence);
    expect(sequences).toEqual(expected);
    expect(requests).toHaveLength(calls);
    expect(requests.every(({ maxBytes }) => maxBytes > 0)).toBe(true);
  });
});

test.each([
  [{}, ["a", "b", "c"], 2],
  [{ limit: 2 }, ["a", "b"], 1],
  [{ startAfter: "b" }, ["c"], 1],
])("list(%p) reads its pages", async (range, expected, calls) => {
  const ids = ["a", "b", "c"];
  const requests: ListContextsRequest[] = [];
  const fetch = fakeFetch((router) => {
    router.service(LedgerService, {
      listContexts(request) {
        requests.push(request);
        const left = ids.filter((id) => id > request.startAfter);
        const contexts = left.slice(0, Math.min(2, request.limit)).map((contextId) => ({ contextId }));
        return { contexts, more: contexts.length < left.length };
      },
    });
  });
  const found = [];
  for await (const { contextId } of createLedgerClient({ ...options, fetch }).list(range))
    found.push(contextId);
  expect(found).toEqual(expected);
  expect(requests).toHaveLength(calls);
});

test("load() is not repeated when it must find nothing", async () => {
  let attempts = 0;
  const fetch = fakeFetch((router) => {
    router.service(ContextService, {
      load: () => {
        attempts += 1;
        throw unavailable(0);
      },
    });
  });
  const client = createLedgerClient({ ...options, fetch, attemptsMax: 3 });
  await expect(client.load("c", payload, { failIfExists: true })).rejects.toThrow("busy");
  expect(attempts).toBe(1);
  await expect(client.load("c", payload)).rejects.toThrow("busy");
  expect(attempts).toBe(4);
});

function unavailable(delayMs: number): ConnectError {
  const retryDelay = { seconds: BigInt(Math.floor(delayMs / 1000)), nanos: (delayMs % 1000) * 1_000_000 };
  return new ConnectError("busy", Code.Unavailable, undefined, [
    { desc: ErrorInfoSchema, value: { domain: "converge-ledger", reason: "BUSY" } },
    { desc: RetryInfoSchema, value: { retryDelay } },
  ]);
}
