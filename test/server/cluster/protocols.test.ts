/**
 * A node that keeps nothing answers on every path as the home does: the same calls go to a ledger alone, and to a node that
 * passes them on to a home with the same ids and clock.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  AppendRequestSchema,
  AppendResponseSchema,
  GetRequestSchema,
  Read,
  WatchRequestSchema,
} from "../../../src/gen/converge/context/v1/context_pb.ts";
import { AppendBatchRequestSchema } from "../../../src/gen/converge/ledger/v1/ledger_pb.ts";
import { ClusterWorld } from "../../support/cluster-world.ts";
import {
  callHttp,
  callHttp2,
  frame,
  framesOf,
  type Listening,
  type Reply,
  startListeners,
} from "../../support/ledger-listeners.ts";

const contextService = "/converge.context.v1.ContextService";
const ledgerService = "/converge.ledger.v1.LedgerService";

interface One {
  readonly path: string;
  readonly message: Uint8Array;
  /** How many frames of a stream are enough. */
  readonly frames?: number;
}

function append(init: MessageInitShape<typeof AppendRequestSchema>): One {
  const message = create(AppendRequestSchema, { contextId: "c", key: "k", ...init });
  return { path: `${contextService}/Append`, message: toBinary(AppendRequestSchema, message) };
}

function batch(init: MessageInitShape<typeof AppendBatchRequestSchema>, method = "AppendBatch"): One {
  const entries = [
    { key: "k", payload: new Uint8Array([1]) },
    { key: "é", idempotencyKey: "b" },
  ];
  const message = create(AppendBatchRequestSchema, { contextId: "c", entries, ...init });
  return { path: `${ledgerService}/${method}`, message: toBinary(AppendBatchRequestSchema, message) };
}

function get(init: MessageInitShape<typeof GetRequestSchema>): One {
  const message = create(GetRequestSchema, { contextId: "c", ...init });
  return { path: `${contextService}/Get`, message: toBinary(GetRequestSchema, message) };
}

function watch(frames: number | undefined, init: MessageInitShape<typeof WatchRequestSchema>): One {
  const message = create(WatchRequestSchema, { contextId: "c", ...init });
  const one = { path: `${contextService}/Watch`, message: toBinary(WatchRequestSchema, message) };
  return frames === undefined ? one : { ...one, frames };
}

/** One after the other, on one server. */
const calls: readonly One[] = [
  append({
    payload: new Uint8Array(300).fill(1),
    metadata: { b: "2", a: "1", __proto__: "x" },
    receivedLamport: 9n,
  }),
  append({ idempotencyKey: "k" }),
  append({ idempotencyKey: "k" }),
  append({ idempotencyKey: "k", payload: new Uint8Array(1) }),
  append({ key: "" }),
  append({ contextId: "a\u0001" }),
  append({ receivedLamport: 2n ** 50n }),
  append({ proof: true }),
  batch({}),
  batch({ proof: true }),
  batch({ entries: [] }),
  batch({}, "AppendStream"),
  batch({ entries: [{ key: "" }] }, "AppendStream"),
  get({}),
  get({ limit: 2, afterSequence: 1n }),
  get({ maxBytes: 1 }),
  get({ minSequence: 2n, read: Read.ANY }),
  get({ resumeToken: new Uint8Array(3) }),
  get({ contextId: "none" }),
  watch(8, { controlEvents: true }),
  watch(1, { key: "é" }),
  watch(9, { proofs: true, controlEvents: true }),
  watch(undefined, { fromSequence: 99n }),
  watch(undefined, { heartbeatMs: 1 }),
];

type Send = (server: Listening, one: One) => Promise<Reply>;

const isStream = ({ path }: One): boolean => /Watch|Stream/.test(path);

function enough({ frames }: One): { enough?: (body: Buffer) => boolean } {
  return frames === undefined ? {} : { enough: (body) => framesOf(body).length >= frames };
}

const overConnect =
  (headers: Record<string, string>): Send =>
  (server, one) =>
    callHttp(server.httpPort, {
      path: one.path,
      headers: {
        "content-type": isStream(one) ? "application/connect+proto" : "application/proto",
        ...headers,
      },
      body: isStream(one) ? frame(one.message) : one.message,
      ...enough(one),
    });

const overGrpc =
  (suffix: string): Send =>
  (server, one) =>
    callHttp2(server.grpcPort, {
      path: one.path + suffix,
      headers: { "content-type": "application/grpc", te: "trailers" },
      body: frame(one.message),
      ...enough(one),
    });

const ways: Record<string, Send> = {
  "Connect, direct": overConnect({}),
  "Connect, in general": overConnect({ origin: "http://page.example" }),
  "gRPC, direct": overGrpc(""),
  "gRPC, in general": overGrpc("?general"),
};

describe("a node that passes calls on answers as a ledger alone does over", () => {
  test.each(Object.entries(ways))("%s", async (_, send) => {
    const world = new ClusterWorld({ nodes: 2, holders: 1 });
    await using alone = await startListeners({ seed: 1, corsOrigins: ["http://page.example"] });
    await using passing = await startListeners({
      ...{ corsOrigins: ["http://page.example"], answering: world.node(2).ledger },
    });
    for (const [index, one] of calls.entries()) {
      const [expected, got] = [await send(alone, one), await send(passing, one)];
      const cut = ({ body, ...rest }: Reply): object => ({
        ...rest,
        body: one.frames === undefined ? body : framesOf(body).slice(0, one.frames),
      });
      expect([index, cut(got)]).toEqual([index, cut(expected)]);
    }
    expect(world.calls.length).toBeGreaterThan(calls.length / 2);
  });
});

test("clients of every node are told how many copies there are", async () => {
  const world = new ClusterWorld({ nodes: 3, holders: 3 });
  world.node(1).routing.copies = 2;
  await using passing = await startListeners({ answering: world.node(3).ledger });
  const { body } = await overConnect({})(passing, append({ minCopies: 2 }));
  expect(fromBinary(AppendResponseSchema, body).durability).toMatchObject({ copies: 2, holders: 3 });
});
