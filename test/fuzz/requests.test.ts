/**
 * Whatever bytes come, requests are read as protobuf-es reads them, refused with a typed error, or left to the
 * general path; no input ends the process.
 *
 * @module
 */

import net from "node:net";
import { describe, expect, test } from "bun:test";
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { LedgerError } from "../../src/core/errors.ts";
import {
  AppendRequestSchema,
  GetRequestSchema,
  WatchRequestSchema,
} from "../../src/gen/converge/context/v1/context_pb.ts";
import { AppendBatchRequestSchema } from "../../src/gen/converge/ledger/v1/ledger_pb.ts";
import { limits } from "../../src/core/limits.ts";
import { FrameSplitter } from "../../src/rpc/fast/frame-splitter.ts";
import { readAppend, readBatch, readGet, readWatch } from "../../src/rpc/fast/plain-requests.ts";
import { watchRequest } from "../../src/rpc/http/sse.ts";
import { appendInput } from "../../src/rpc/messages.ts";
import { callHttp, callHttp2, frame, startListeners } from "../support/ledger-listeners.ts";

const text = fc.string({ unit: "binary", maxLength: 60 }).map((one) => one.toWellFormed());
const metadata = fc.dictionary(text, text, { maxKeys: 4 });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const bytes = fc.uint8Array({ maxLength: 200 });
const entry = fc.record(
  { key: text, payload: bytes, metadata, receivedLamport: uint64, idempotencyKey: text },
  { requiredKeys: [] },
);

/** What a damaged or unusual message is made of: bytes put in place of others. */
const damage = fc.array(fc.record({ at: fc.nat(), drop: fc.nat(6), put: fc.uint8Array({ maxLength: 4 }) }), {
  maxLength: 3,
});

function damaged(
  message: Uint8Array,
  places: readonly { at: number; drop: number; put: Uint8Array }[],
): Uint8Array {
  return places.reduce((before, { at, drop, put }) => {
    const start = at % (before.length + 1);
    return Buffer.concat([before.subarray(0, start), put, before.subarray(start + drop)]);
  }, message);
}

/** Returns what protobuf-es makes of a message; undefined if it refuses it. */
function reference<Desc extends DescMessage>(
  schema: Desc,
  message: Uint8Array,
): MessageShape<Desc> | undefined {
  try {
    return fromBinary(schema, message);
  } catch {
    return undefined;
  }
}

/** What entries are compared by. */
function comparable(given: ReturnType<typeof appendInput>): object {
  return { ...given, payload: Buffer.from(given.payload).toString("hex"), metadata: new Map(given.metadata) };
}

describe("a message that is read by hand is what protobuf-es reads:", () => {
  test("Append", () => {
    const message = fc.record({ contextId: text, proof: fc.boolean(), entry });
    fc.assert(
      fc.property(message, damage, ({ contextId, proof, entry: given }, places) => {
        const init = { contextId, proof, ...given };
        const whole = toBinary(AppendRequestSchema, create(AppendRequestSchema, init));
        const wire = damaged(whole, places);
        const read = readAppend(wire);
        const expected = read && reference(AppendRequestSchema, wire);
        expect(read === undefined || expected !== undefined).toBe(true);
        const {
          contextId: id,
          proof: asked,
          ...rest
        } = read ?? {
          contextId: undefined,
          proof: undefined,
          ...appendInput(create(AppendRequestSchema)),
        };
        expect([id, asked]).toEqual([expected?.contextId, expected?.proof]);
        expect(comparable(rest)).toEqual(comparable(appendInput(expected ?? create(AppendRequestSchema))));
        // What nothing was done to is always read.
        expect(places.length > 0 || read !== undefined).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  test("AppendBatch and AppendStream", () => {
    const message = fc.record({
      contextId: text,
      entries: fc.array(entry, { maxLength: 4 }),
      minCopies: uint32,
      proof: fc.boolean(),
    });
    fc.assert(
      fc.property(message, damage, (given, places) => {
        const wire = damaged(
          toBinary(AppendBatchRequestSchema, create(AppendBatchRequestSchema, given)),
          places,
        );
        const read = readBatch(wire);
        const expected = read && reference(AppendBatchRequestSchema, wire);
        expect([read?.contextId, read?.minCopies, read?.proof]).toEqual([
          expected?.contextId,
          expected?.minCopies,
          expected?.proof,
        ]);
        expect(read?.entries.map(comparable)).toEqual(
          expected?.entries.map((one) => comparable(appendInput(one))),
        );
        expect(places.length > 0 || read !== undefined).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("Get", () => {
    const message = fc.record(
      {
        contextId: text,
        key: text,
        afterSequence: uint64,
        limit: uint32,
        maxBytes: uint32,
        resumeToken: bytes,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(message, damage, (given, places) => {
        const wire = damaged(toBinary(GetRequestSchema, create(GetRequestSchema, given)), places);
        const read = readGet(wire);
        expect(read && { ...read, resumeToken: [...read.resumeToken] }).toEqual(
          ((all) =>
            all && {
              contextId: all.contextId,
              key: all.key,
              afterSequence: all.afterSequence,
              limit: all.limit,
              maxBytes: all.maxBytes,
              minSequence: all.minSequence,
              resumeToken: [...all.resumeToken],
            })(read && reference(GetRequestSchema, wire)),
        );
        expect(places.length > 0 || read !== undefined).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("Watch", () => {
    const message = fc.record(
      {
        contextId: text,
        key: text,
        fromSequence: uint64,
        resumeToken: bytes,
        heartbeatMs: uint32,
        controlEvents: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(message, damage, (given, places) => {
        const wire = damaged(toBinary(WatchRequestSchema, create(WatchRequestSchema, given)), places);
        const read = readWatch(wire);
        expect(read && { ...read, resumeToken: [...read.resumeToken] }).toEqual(
          ((all) =>
            all && {
              contextId: all.contextId,
              key: all.key,
              fromSequence: all.fromSequence,
              resumeToken: [...all.resumeToken],
              heartbeatMs: all.heartbeatMs,
              controlEvents: all.controlEvents,
            })(read && reference(WatchRequestSchema, wire)),
        );
        expect(places.length > 0 || read !== undefined).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("noise is never more than left to the general path", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        for (const read of [readAppend, readBatch, readGet, readWatch]) read(noise);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("FrameSplitter", () => {
  test("gives the same messages however the stream is cut", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
    fc.assert(
      fc.property(
        messages,
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 }),
        (given, cuts) => {
          const splitter = new FrameSplitter(limits.requestBytesMax, () => new ConnectError("too long"));
          const stream = Buffer.concat(given.map((one) => frame(one)));
          const got: Uint8Array[] = [];
          for (let at = 0, i = 0; at < stream.length; i += 1) {
            const end = at + (cuts[i % cuts.length] ?? 1);
            got.push(
              ...[...splitter.push(stream.subarray(at, end))].map((one) => Uint8Array.from(one.subarray(5))),
            );
            at = end;
          }
          splitter.end();
          expect(got).toEqual(given);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("refuses noise with a ConnectError, and nothing else", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), (pieces) => {
        try {
          const splitter = new FrameSplitter(limits.requestBytesMax, () => new ConnectError("too long"));
          for (const piece of pieces) Array.from(splitter.push(Buffer.from(piece)));
          splitter.end();
        } catch (error) {
          expect(error).toBeInstanceOf(ConnectError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test("a watch over server-sent events is understood or refused with INVALID_ARGUMENT, whatever is asked", () => {
  const part = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      "from_sequence",
      "key",
      "=",
      "&",
      "%",
      "%2",
      "%FF",
      "%C3%A9",
      "+",
      "0",
      "18446744073709551615",
      "-",
      "\u00e9",
      "#",
      "?",
    ),
  );
  const query = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(""));
  const id = fc.array(part, { maxLength: 3 }).map((parts) => parts.join("").replaceAll(/[/?#]/g, ""));
  const lastEventId = fc.option(fc.string({ unit: "grapheme-ascii", maxLength: 20 }), { nil: undefined });
  fc.assert(
    fc.property(id, query, lastEventId, (escapedId, search, last) => {
      const url = `http://localhost/v1/contexts/x/watch?${search}`;
      const headers = last === undefined ? {} : { "last-event-id": last };
      try {
        const asked = watchRequest(new Request(url, { headers }), escapedId, 1000);
        expect(asked.contextId.isWellFormed() && asked.key.isWellFormed()).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(LedgerError);
        expect((error as LedgerError).code).toBe("INVALID_ARGUMENT");
      }
    }),
    { numRuns: 3000 },
  );
});

/** Sends bytes over TCP and resolves when the server has closed, or has had its time. */
function sendRaw(port: number, parts: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1" }, () => socket.end(parts));
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    socket.setTimeout(500, () => socket.destroy());
    socket.resume();
  });
}

describe("both listeners live on after", () => {
  const get = "/converge.context.v1.ContextService/Get";
  const message = toBinary(GetRequestSchema, create(GetRequestSchema, { contextId: "c" }));
  const methods = ["Append", "Get", "Watch"].map((name) => `/converge.context.v1.ContextService/${name}`);
  const streams = ["AppendBatch", "AppendStream", "LoadStream"].map(
    (name) => `/converge.ledger.v1.LedgerService/${name}`,
  );

  test("bodies of noise on every path, with a typed answer to each", async () => {
    await using server = await startListeners();
    const call = fc.record({
      path: fc.constantFrom(...methods, ...streams),
      noise: fc.uint8Array({ maxLength: 100 }),
      framed: fc.boolean(),
      flags: fc.constantFrom(0, 0, 0, 1, 2, 128),
    });
    const types = [
      "application/proto",
      "application/connect+proto",
      "application/json",
      "application/connect+json",
      "application/grpc-web",
    ];
    await fc.assert(
      fc.asyncProperty(call, fc.constantFrom(...types), async ({ path, noise, framed, flags }, type) => {
        const body = framed ? frame(noise, flags) : noise;
        const timeout = { "connect-timeout-ms": "50", "grpc-timeout": "50m" };
        const grpc = await callHttp2(server.grpcPort, {
          path,
          headers: { "content-type": "application/grpc", ...timeout },
          body,
        });
        expect([grpc.status, grpc.trailers["grpc-status"] ?? grpc.headers["grpc-status"]]).toEqual([
          200,
          expect.any(String),
        ]);
        const http = await callHttp(server.httpPort, {
          path,
          headers: { "content-type": type, ...timeout },
          body,
        });
        expect(http.status).toBeGreaterThanOrEqual(200);
      }),
      { numRuns: 120 },
    );
    expect(server.failures).toEqual([]);
    expect(
      (
        await callHttp2(server.grpcPort, {
          path: get,
          headers: { "content-type": "application/grpc" },
          body: frame(message),
        })
      ).trailers,
    ).toEqual({
      "grpc-status": "0",
    });
    expect(
      (
        await callHttp(server.httpPort, {
          path: get,
          headers: { "content-type": "application/proto" },
          body: message,
        })
      ).status,
    ).toBe(200);
    expect(server.ledger.watchCounts().watchers).toBe(0);
  }, 20_000);

  test("connections of noise", async () => {
    await using server = await startListeners();
    const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const noise = fc.record({ http2: fc.boolean(), bytes: fc.uint8Array({ maxLength: 200 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(noise, { minLength: 1, maxLength: 8 }), async (connections) => {
        const ports = [server.grpcPort, server.httpPort];
        const sent = connections.flatMap(({ http2, bytes: one }) =>
          ports.map((port) => sendRaw(port, http2 ? Buffer.concat([preface, one]) : one)),
        );
        await Promise.all(sent);
      }),
      { numRuns: 12 },
    );
    expect(
      (
        await callHttp2(server.grpcPort, {
          path: get,
          headers: { "content-type": "application/grpc" },
          body: frame(message),
        })
      ).trailers,
    ).toEqual({
      "grpc-status": "0",
    });
    expect(
      (
        await callHttp(server.httpPort, {
          path: get,
          headers: { "content-type": "application/proto" },
          body: message,
        })
      ).status,
    ).toBe(200);
    expect(server.failures).toEqual([]);
  }, 20_000);
});
