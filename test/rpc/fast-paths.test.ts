/**
 * The direct paths answer as the general path does: every request goes to two servers in the same state, once
 * as it is and once made to take the general path, and status, headers, bytes and trailers must be the same.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { encodeResumeToken } from "../../src/core/cursor.ts";
import { LedgerError } from "../../src/core/errors.ts";
import {
  AppendRequestSchema,
  GetRequestSchema,
  Read,
  WatchRequestSchema,
} from "../../src/gen/converge/context/v1/context_pb.ts";
import { AppendBatchRequestSchema } from "../../src/gen/converge/ledger/v1/ledger_pb.ts";
import {
  type Call,
  callHttp,
  callHttp2,
  frame,
  framesOf,
  type Listening,
  type Reply,
  startListeners,
} from "../support/ledger-listeners.ts";
import { append, appendBatch, appendMany } from "../support/ledger-world.ts";

const service = "/converge.context.v1.ContextService";
const ledgerService = "/converge.ledger.v1.LedgerService";
const latest = 2n ** 64n - 1n;

interface Case {
  readonly method: "Append" | "Get" | "Watch" | "AppendBatch" | "AppendStream";
  readonly message: Uint8Array;
  /** What follows the first message of a stream. */
  readonly more?: readonly Uint8Array[];
  /** Whether the direct path answers it. */
  readonly direct: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** Done to both servers before. */
  readonly before?: (server: Listening) => Promise<unknown>;
  /** Done to both servers while the call runs. */
  readonly during?: (server: Listening) => void;
  /** How many frames of a watch are enough; otherwise the server ends it. */
  readonly frames?: number;
}

function appendCase(init: MessageInitShape<typeof AppendRequestSchema>, rest: Partial<Case> = {}): Case {
  const message = toBinary(
    AppendRequestSchema,
    create(AppendRequestSchema, { contextId: "c", key: "k", ...init }),
  );
  return { method: "Append", message, direct: true, ...rest };
}

function getCase(init: MessageInitShape<typeof GetRequestSchema>, rest: Partial<Case> = {}): Case {
  const message = toBinary(GetRequestSchema, create(GetRequestSchema, { contextId: "c", ...init }));
  return { method: "Get", message, direct: true, ...rest };
}

function watchCase(init: MessageInitShape<typeof WatchRequestSchema>, rest: Partial<Case> = {}): Case {
  const message = toBinary(WatchRequestSchema, create(WatchRequestSchema, { contextId: "c", ...init }));
  return { method: "Watch", message, direct: true, ...rest };
}

function batch(init: MessageInitShape<typeof AppendBatchRequestSchema>): Uint8Array {
  const entries = [{ key: "k", payload: new Uint8Array([1]) }, { key: "\ufeffé" }];
  return toBinary(
    AppendBatchRequestSchema,
    create(AppendBatchRequestSchema, { contextId: "c", entries, ...init }),
  );
}

function batchCase(init: MessageInitShape<typeof AppendBatchRequestSchema>, rest: Partial<Case> = {}): Case {
  return { method: "AppendBatch", message: batch(init), direct: true, ...rest };
}

/** The requests of an AppendStream have the fields of an AppendBatch. */
function streamCase(messages: readonly Uint8Array[], rest: Partial<Case> = {}): Case {
  const [message = new Uint8Array(0), ...more] = messages;
  return { method: "AppendStream", message, more, direct: true, ...rest };
}

/** A message as it stands on the wire, which the direct path leaves to the general one unless told otherwise. */
function raw(method: Case["method"], hex: string, direct = false): Case {
  return { method, message: Buffer.from(hex.replaceAll(" ", ""), "hex"), direct };
}

const some = (server: Listening): Promise<unknown> =>
  appendBatch(server.ledger, "c", [
    { key: "a", payload: "1" },
    {
      key: "b",
      payload: "2",
      metadata: [
        ["n", "v"],
        ["", ""],
        ["__proto__", "p"],
      ],
    },
    { key: "\ufeffa", payload: "", receivedLamport: 2n ** 40n },
    { key: "a", payload: "4", idempotencyKey: "k4" },
  ]);

const large = async (server: Listening): Promise<void> => {
  await append(server.ledger, "c", { payload: "compressible ".repeat(10_000) });
};

const many = async (server: Listening): Promise<void> => {
  await appendMany(server.ledger, "c", 700);
};

/** Makes a server say that its entries are on several nodes, the later ones on more of them. */
const onSeveral =
  (holders: number) =>
  async ({ ledger }: Listening): Promise<void> => {
    const { append: one, appendBatch: several } = ledger;
    ledger.append = async (...call) => ({ ...(await one.apply(ledger, call)), copies: holders - 1, holders });
    ledger.appendBatch = async (...call) =>
      (await several.apply(ledger, call)).map((appended, index) => ({
        ...appended,
        ...{ copies: Math.min(holders, holders - 1 + index), holders },
      }));
  };

const unprovable = async ({ ledger }: Listening): Promise<void> => {
  ledger.prove = () => {
    throw new LedgerError("DATA_LOSS", "gone", { reason: "TEST", sequence: 1 });
  };
};

const cases: Record<string, Case> = {
  "Append of the least": appendCase({}),
  "Append of everything": appendCase({
    contextId: "ключ/\u{1f511}",
    key: "\ufeffe\u0301",
    payload: new Uint8Array(300).fill(255),
    metadata: { b: "2", a: "1", "": "", é: "\ufeff" },
    receivedLamport: 2n ** 40n,
    idempotencyKey: "\u0000k",
  }),
  "Append of a payload of 200 KB": appendCase({ payload: new Uint8Array(200_000).fill(7) }),
  "Append that is a retry": appendCase(
    { key: "a", payload: new Uint8Array([0x34]), idempotencyKey: "k4" },
    { before: some },
  ),
  "Append that reuses an idempotency_key": appendCase({ idempotencyKey: "k4" }, { before: some }),
  "Append without context_id": appendCase({ contextId: "" }),
  "Append without key": appendCase({ key: "" }),
  "Append with nothing at all": { method: "Append", message: new Uint8Array(0), direct: true },
  "Append with a control character": appendCase({ key: "a\u0001é\n" }),
  "Append with a key over the bound": appendCase({ key: "é".repeat(513) }),
  "Append with too much metadata": appendCase({ metadata: { n: "v".repeat(20_000) } }),
  "Append with a reserved name": appendCase({ metadata: { "converge-ledger/ü": "" } }),
  "Append with a Lamport jump": appendCase({ receivedLamport: 2n ** 50n }),
  "Append with a Lamport time out of range": appendCase({ receivedLamport: latest }),
  "Append on a full disk": appendCase(
    {},
    { before: async ({ store }) => store.faults.push({ kind: "fails", failure: "full", written: false }) },
  ),
  "Append on a broken disk": appendCase(
    {},
    { before: async ({ store }) => store.faults.push({ kind: "fails", failure: "io", written: false }) },
  ),
  "Append that asks for a proof": appendCase({ proof: true }),
  "Append that asks for a proof in a large context": appendCase({ proof: true }, { before: many }),
  "Append that is a retry and asks for a proof": appendCase(
    { key: "a", payload: new Uint8Array([0x34]), idempotencyKey: "k4", proof: true },
    { before: async (server) => (await some(server), await many(server)) },
  ),
  "Append without key that asks for a proof": appendCase({ key: "", proof: true }),
  "Append that asks for a proof on a full disk": appendCase(
    { proof: true },
    { before: async ({ store }) => store.faults.push({ kind: "fails", failure: "full", written: false }) },
  ),
  "Append whose proof fails": appendCase({ proof: true }, { before: unprovable }),
  "Append that asks for a proof and for copies": appendCase({ proof: true, minCopies: 1 }, { direct: false }),
  "Append with a flag of two": raw("Append", "0a0163 12016b 3802", true),
  "Append with a flag that is unset again": raw("Append", "0a0163 12016b 3801 3800", true),
  "Append with a flag of ten bytes": raw("Append", `0a0163 12016b 38${"80".repeat(9)}01`),
  "Append that asks for copies": appendCase({ minCopies: 2 }, { direct: false }),
  "Append with metadata of JavaScript's own names": raw(
    "Append",
    // __proto__ twice, constructor
    "0a0163 12016b 220e 0a095f5f70726f746f5f5f 120161 220e 0a095f5f70726f746f5f5f 120162 2210 0a0b636f6e7374727563746f72 120163",
    true,
  ),
  "Append with a name twice": raw("Append", "0a0163 12016b 2206 0a016e 120161 2206 0a016e 120162", true),
  "Append with pairs without name or value": raw("Append", "0a0163 12016b 2203 0a016e 2203 120176", true),
  "Append with fields twice": raw("Append", "0a0161 0a0163 120161 12016b 1a0101 1a020203", true),
  "Append with an unknown field": raw("Append", "0a0163 12016b a00601"),
  "Append with an unknown field in a pair": raw("Append", "0a0163 12016b 2208 0a016e 120161 1801"),
  "Append with an unknown group": raw("Append", "0a0163 12016b a306 a406"),
  "Append with a key that is not UTF-8": raw("Append", "0a0163 1202c328"),
  "Append with a long key that is not UTF-8": raw("Append", `0a0163 1264 ${"61".repeat(99)}ff`),
  "Append with a context_id that is a surrogate": raw("Append", "0a03eda080 12016b"),
  "Append with an idempotency_key that is not UTF-8": raw("Append", "0a0163 12016b 3201ff"),
  "Append with a metadata name that is not UTF-8": raw("Append", "0a0163 12016b 2206 0a01ff 120161"),
  "Append with a metadata value that is not UTF-8": raw("Append", "0a0163 12016b 2206 0a016e 1201ff"),
  "Append with another wire type": raw("Append", "0801 12016b"),
  "Append with the wire type of a fixed number": raw("Append", "0a0163 1500000000"),
  "Append with a wire type that does not exist": raw("Append", "0a0163 17"),
  "Append with a field number of 0": raw("Append", "0a0163 12016b 0000"),
  "Append that ends in a length": raw("Append", "0a0163 12"),
  "Append that ends in a field": raw("Append", "0a0163 12056b"),
  "Append with a length that lies": raw("Append", "0affffffff0f 63"),
  "Append with a length beyond 2^53": raw("Append", "0affffffffffffffffff01 63"),
  "Append with a number without end": raw("Append", `0a0163 12016b 28${"ff".repeat(11)}`),
  "Append with a pair that ends too early": raw("Append", "0a0163 12016b 2203 0a05"),
  "Append with a tag in more bytes than it needs": raw("Append", "8a00 0163 12016b", true),

  "Get of all": getCase({}, { before: some }),
  "Get of nothing": getCase({ contextId: "nowhere" }),
  "Get of some": getCase({ afterSequence: 1n, limit: 2 }, { before: some }),
  "Get of a key": getCase({ key: "a" }, { before: some }),
  "Get of a key with a byte-order mark": getCase({ key: "\ufeffa" }, { before: some }),
  "Get after the largest sequence": getCase({ afterSequence: latest, limit: 2 ** 32 - 1 }, { before: some }),
  "Get that is cut": getCase({ maxBytes: 150 }, { before: some }),
  "Get with a token": getCase({ resumeToken: new Uint8Array(16) }, { before: some }),
  "Get with a bad token": getCase({ resumeToken: new Uint8Array(3) }),
  "Get with a token above the head": getCase(
    { resumeToken: encodeResumeToken(9, new Uint8Array(32)) },
    { before: some },
  ),
  "Get with a token of another history": getCase(
    { resumeToken: encodeResumeToken(2, new Uint8Array(32)) },
    { before: some },
  ),
  "Get without context_id": getCase({ contextId: "" }),
  "Get that waits for what is there": getCase({ minSequence: 2n }, { before: some, direct: false }),
  "Get of a kind of read": getCase({ read: Read.ANY }, { before: some, direct: false }),
  "Get from a damaged store": getCase(
    {},
    { before: async (server) => (await some(server), (server.store.editPage = (page) => page.slice(1))) },
  ),
  "Get from a store that fails in an unexpected way": getCase(
    {},
    {
      before: async (server) => {
        await some(server);
        server.store.editPage = () => {
          throw new TypeError("secret");
        };
      },
    },
  ),
  "Get with a limit above 2^32": raw("Get", "0a0163 20ffffffff1f"),
  "Get with a key that is not UTF-8": raw("Get", "0a0163 1201ff"),
  "Get of a large answer": getCase({}, { before: large }),

  "AppendBatch of two": batchCase({}),
  "AppendBatch of everything": batchCase({
    entries: [
      { key: "k", metadata: { b: "2", "": "", a: "é" }, receivedLamport: 9n, idempotencyKey: "i" },
      { key: "k", metadata: { a: "é", b: "2", "": "" }, idempotencyKey: "i" },
      { key: "k", payload: new Uint8Array(1000) },
    ],
    minCopies: 1,
  }),
  "AppendBatch that is a retry": batchCase(
    { entries: [{ key: "a", payload: new Uint8Array([0x34]), idempotencyKey: "k4" }, { key: "b" }] },
    { before: some },
  ),
  "AppendBatch of nothing": batchCase({ entries: [] }),
  "AppendBatch of 1,001": batchCase({ entries: Array.from({ length: 1001 }, () => ({ key: "k" })) }),
  "AppendBatch with a bad entry": batchCase({ entries: [{ key: "k" }, { key: "" }] }),
  "AppendBatch that asks for copies": batchCase({ minCopies: 2 }),
  "AppendBatch that reuses an idempotency_key": batchCase(
    { entries: [{ key: "x", idempotencyKey: "k4" }] },
    { before: some },
  ),
  "AppendBatch that asks for proofs": batchCase({ proof: true }, { before: many }),
  "AppendBatch of everything that asks for proofs": batchCase({
    entries: [
      { key: "k", metadata: { b: "2" }, receivedLamport: 9n, idempotencyKey: "i" },
      { key: "k", metadata: { b: "2" }, idempotencyKey: "i" },
      { key: "k", payload: new Uint8Array(1000) },
    ],
    minCopies: 1,
    proof: true,
  }),
  "AppendBatch of 1,000 that asks for proofs": batchCase({
    entries: Array.from({ length: 1000 }, () => ({ key: "k" })),
    proof: true,
  }),
  "AppendBatch of nothing that asks for proofs": batchCase({ entries: [], proof: true }),
  "AppendBatch whose proofs fail": batchCase({ proof: true }, { before: unprovable }),
  "AppendBatch with an unknown field in an entry": raw("AppendBatch", "0a0163 1206 0a016b a00601"),
  "AppendBatch with a key that is not UTF-8": raw("AppendBatch", "0a0163 1203 0a01ff"),
  "AppendBatch that ends too early": raw("AppendBatch", "0a0163 1209 0a016b"),

  "AppendStream of one": streamCase([batch({})]),
  "AppendStream of many contexts": streamCase(
    Array.from({ length: 40 }, (_, i) =>
      // Keys of retries, because contexts that are met at the same time draw their ids in any order.
      batch({ contextId: `c${i % 7}`, entries: [{ key: "k", idempotencyKey: `${i}` }] }),
    ),
  ),
  "AppendStream with refused ones between": streamCase([
    batch({}),
    batch({ contextId: "" }),
    batch({ entries: [] }),
    batch({ minCopies: 3 }),
    batch({}),
  ]),
  "AppendStream with and without proofs": streamCase(
    [batch({ proof: true }), batch({}), batch({ proof: true, contextId: "" }), batch({ proof: true })],
    { before: many },
  ),
  "AppendStream whose proofs fail": streamCase([batch({ proof: true }), batch({})], { before: unprovable }),
  "AppendStream of a large batch": streamCase([
    batch({ entries: Array.from({ length: 3 }, () => ({ key: "k", payload: new Uint8Array(300_000) })) }),
    batch({}),
  ]),
  "AppendStream with an unknown field": streamCase([
    batch({}),
    Buffer.concat([batch({}), Buffer.from([0xa0, 6, 1])]),
  ]),
  "Append on several nodes": appendCase({}, { before: onSeveral(3) }),
  "Append on many nodes": appendCase({}, { before: onSeveral(255) }),
  "Append on several nodes, with a proof": appendCase({ proof: true }, { before: onSeveral(3) }),
  "Append on several nodes that is a retry": appendCase(
    { key: "a", payload: new Uint8Array([0x34]), idempotencyKey: "k4" },
    { before: async (server) => (await some(server), await onSeveral(2)(server)) },
  ),
  "AppendBatch on several nodes": batchCase({}, { before: onSeveral(3) }),
  "AppendBatch on many nodes, with proofs": batchCase({ proof: true }, { before: onSeveral(255) }),
  "AppendStream on several nodes": streamCase([batch({}), batch({ proof: true })], { before: onSeveral(3) }),
  "AppendStream on a full disk": streamCase([batch({})], {
    before: async ({ store }) => store.faults.push({ kind: "fails", failure: "full", written: false }),
  }),

  "Watch with control events": watchCase({ controlEvents: true }, { before: some, frames: 5 }),
  "Watch from the middle": watchCase({ fromSequence: 2n }, { before: some, frames: 2 }),
  "Watch of a key": watchCase({ key: "a", controlEvents: true }, { before: some, frames: 3 }),
  "Watch of new entries": watchCase(
    { fromSequence: latest, controlEvents: true },
    { before: some, frames: 1 },
  ),
  "Watch with a heartbeat": watchCase({ heartbeatMs: 60_000 }, { before: some, frames: 5 }),
  "Watch with a token": watchCase({ resumeToken: new Uint8Array(16) }, { before: some, frames: 4 }),
  "Watch of many entries": watchCase(
    { controlEvents: true },
    {
      before: ({ ledger }) =>
        appendBatch(
          ledger,
          "c",
          Array.from({ length: 1000 }, () => ({})),
        ),
      frames: 1001,
    },
  ),
  "Watch of a large entry": watchCase({}, { before: large, frames: 1 }),
  "Watch above the head": watchCase({ fromSequence: 2n ** 53n + 1n }, { before: some }),
  "Watch of another history": watchCase(
    { resumeToken: encodeResumeToken(2, new Uint8Array(32)) },
    { before: some },
  ),
  "Watch of another history, with control events": watchCase(
    { resumeToken: encodeResumeToken(2, new Uint8Array(32)), controlEvents: true },
    { before: some, frames: 6 },
  ),
  "Watch without context_id": watchCase({ contextId: "" }),
  "Watch with a heartbeat out of range": watchCase({ heartbeatMs: 1 }),
  "Watch that asks for proofs": watchCase({ proofs: true }, { direct: false, before: some, frames: 5 }),
  "Watch of a key that asks for proofs": watchCase(
    { proofs: true, key: "a", controlEvents: true },
    { direct: false, before: some, frames: 5 },
  ),
  "Watch with a bad token": watchCase({ resumeToken: new Uint8Array(15) }),
  "Watch of a damaged store": watchCase(
    {},
    { before: async (server) => (await some(server), (server.store.editPage = (page) => page.slice(1))) },
  ),
  "Watch with a key that is not UTF-8": raw("Watch", "0a0163 1201ff"),
  "Watch with a flag of two, and no context_id": raw("Watch", "3802", true),
};

/** How a protocol spells a call, and how it is made to take the general path. */
interface Protocol {
  readonly call: (server: Listening, call: Call) => Promise<Reply>;
  readonly plain: (one: Case) => Call;
  readonly general: (call: Call) => Call;
}

function enough({ frames }: Case): Pick<Call, "enough"> {
  return frames === undefined ? {} : { enough: (body) => framesOf(body).length >= frames };
}

function pathOf({ method }: Case): string {
  return `${method.startsWith("Append") && method !== "Append" ? ledgerService : service}/${method}`;
}

function framed({ message, more = [] }: Case): Buffer {
  return Buffer.concat([message, ...more].map((one) => frame(one)));
}

const origin = "http://page.example";

const protocols: Record<string, Protocol> = {
  Connect: {
    call: (server, call) => callHttp(server.httpPort, call),
    plain: (one) => {
      const streams = one.method === "Watch" || one.method === "AppendStream";
      const type = streams ? "application/connect+proto" : "application/proto";
      const body = streams ? framed(one) : one.message;
      return {
        path: pathOf(one),
        headers: { "content-type": type, ...one.headers },
        body,
        ...enough(one),
      };
    },
    // A request of a page is left to the general path by a server that answers pages.
    general: (call) => ({ ...call, headers: { ...call.headers, origin } }),
  },
  "Connect over HTTP/2": {
    call: (server, call) => callHttp2(server.httpPort, call),
    plain: (one) => (protocols.Connect as Protocol).plain(one),
    general: (call) => ({ ...call, headers: { ...call.headers, origin } }),
  },
  gRPC: {
    call: (server, call) => callHttp2(server.grpcPort, call),
    plain: (one) => ({
      path: pathOf(one),
      headers: { "content-type": "application/grpc", te: "trailers", ...one.headers },
      body: framed(one),
      ...enough(one),
    }),
    // The direct path takes the path as it is in the proto file, and nothing else.
    general: (call) => ({ ...call, path: `${call.path}?general` }),
  },
};

const ofTheWay = /^(access-control-.*|vary|content-length|transfer-encoding|connection|keep-alive)$/;
const ofTheWayUncompressed =
  /^(access-control-.*|vary|content-length|transfer-encoding|connection|keep-alive|grpc-encoding)$/;

/** Leaves out what CORS adds, which is the price of the general path, and which compression was not used. */
function comparable({ status, headers, body, trailers }: Reply): object {
  const isCompressed = framesOf(body).some(({ flags }) => flags === 1);
  const left = isCompressed ? ofTheWay : ofTheWayUncompressed;
  const kept = Object.entries(headers).filter(([name]) => !left.test(name));
  return { status, headers: Object.fromEntries(kept), body: body.toString("latin1"), trailers };
}

/** Sends one call to two servers in the same state and returns both answers, and what each counted. */
async function both(protocol: Protocol, one: Case, change: (call: Call) => Call = (call) => call) {
  await using direct = await startListeners();
  await using general = await startListeners({ corsOrigins: [origin] });
  for (const server of [direct, general]) await one.before?.(server);
  const call = change(protocol.plain(one));
  const answering = [protocol.call(direct, call), protocol.call(general, protocol.general(call))];
  for (const server of [direct, general]) one.during?.(server);
  const [answered, expected] = await Promise.all(answering);
  await ended(direct, general);
  const took = { direct: direct.general.calls === 0, general: general.general.calls === 1 };
  const counted = [direct.calls, general.calls];
  expect([direct.failures, general.failures]).toEqual([[], []]);
  return { answered: comparable(answered as Reply), expected: comparable(expected as Reply), took, counted };
}

/** Resolves once no server has a watch any more. */
async function ended(...servers: Listening[]): Promise<void> {
  const isWatching = ({ ledger, watching }: Listening): boolean =>
    ledger.watchCounts().watchers > 0 || [...watching.values()].some((count) => count > 0);
  while (servers.some(isWatching)) await new Promise((resolve) => setImmediate(resolve));
}

for (const [name, protocol] of Object.entries(protocols)) {
  describe(`${name} answers the same on both paths:`, () => {
    test.each(Object.entries(cases))("%s", async (_, one) => {
      const { answered, expected, took, counted } = await both(protocol, one);
      expect(answered).toEqual(expected);
      expect(took).toEqual({ direct: one.direct, general: true });
      expect(counted[0]).toEqual(counted[1] ?? []);
    });
  });
}

describe("headers that change the answer change it on both paths:", () => {
  const big = { before: large };
  const grpcOnly: Record<string, Case> = {
    "gRPC, a deadline that passes": getCase({}, { headers: { "grpc-timeout": "10S" }, before: some }),
    "gRPC, grpc-timeout without unit": appendCase({}, { headers: { "grpc-timeout": "10" }, direct: false }),
    "gRPC, grpc-timeout of nine digits": appendCase(
      {},
      { headers: { "grpc-timeout": "123456789S" }, direct: false },
    ),
    "gRPC, grpc-timeout of the longest": appendCase(
      {},
      { headers: { "grpc-timeout": "99999999H" }, direct: false },
    ),
    "gRPC, a message type": appendCase({}, { headers: { "content-type": "application/grpc+proto" } }),
    "gRPC in JSON": appendCase({}, { headers: { "content-type": "application/grpc+json" }, direct: false }),
    "gRPC, identity": appendCase({}, { headers: { "grpc-encoding": "identity" } }),
    "gRPC, gzip accepted for a small answer": getCase(
      {},
      { headers: { "grpc-accept-encoding": "gzip" }, before: some },
    ),
    "gRPC, gzip accepted": getCase({}, { headers: { "grpc-accept-encoding": "identity, gzip" }, ...big }),
    "gRPC, brotli accepted": getCase({}, { headers: { "grpc-accept-encoding": "br,gzip" }, ...big }),
    "gRPC, something else accepted": getCase(
      {},
      { headers: { "grpc-accept-encoding": "snappy, zstd" }, ...big },
    ),
    "gRPC, another compression": appendCase({}, { headers: { "grpc-encoding": "snappy" }, direct: false }),
    "gRPC, a name that begins like gzip": getCase(
      {},
      { headers: { "grpc-accept-encoding": "gzip-x" }, ...big },
    ),
  };
  const connectOnly: Record<string, Case> = {
    "Connect, a long deadline": appendCase({}, { headers: { "connect-timeout-ms": "10000" } }),
    "Connect, the longest deadline": appendCase(
      {},
      { headers: { "connect-timeout-ms": "9999999999" }, direct: false },
    ),
    "Connect, a deadline of eleven digits": appendCase(
      {},
      { headers: { "connect-timeout-ms": "99999999999" }, direct: false },
    ),
    "Connect, a deadline that is no number": appendCase(
      {},
      { headers: { "connect-timeout-ms": "1s" }, direct: false },
    ),
    "Connect, a negative deadline": appendCase(
      {},
      { headers: { "connect-timeout-ms": "-1" }, direct: false },
    ),
    "Connect, its version": appendCase({}, { headers: { "connect-protocol-version": "1" } }),
    "Connect, another version": appendCase({}, { headers: { "connect-protocol-version": "2" } }),
    "Connect, another version of a watch": watchCase(
      { controlEvents: true },
      { headers: { "connect-protocol-version": "2" }, frames: 1 },
    ),
    "Connect, gzip accepted for a small answer": getCase(
      {},
      { headers: { "accept-encoding": "gzip" }, before: some },
    ),
    "Connect, gzip accepted": getCase({}, { headers: { "accept-encoding": "gzip" }, ...big }),
    "Connect, brotli first": getCase({}, { headers: { "accept-encoding": "br, gzip" }, ...big }),
    "Connect, gzip with a quality": getCase({}, { headers: { "accept-encoding": "gzip;q=1.0" }, ...big }),
    "Connect, nothing known": getCase({}, { headers: { "accept-encoding": "zstd, deflate" }, ...big }),
    "Connect, a type with parameters": appendCase(
      {},
      { headers: { "content-type": "application/proto; charset=utf-8" }, direct: false },
    ),
    "Connect, an unknown encoding": appendCase(
      {},
      { headers: { "content-encoding": "snappy" }, direct: false },
    ),
    "Connect, an encoding that is said and not done": appendCase(
      {},
      { headers: { "content-encoding": "gzip" }, direct: false },
    ),
    "Connect, identity": appendCase({}, { headers: { "content-encoding": "identity" }, direct: false }),
    "Connect, a compressed watch that is not": watchCase(
      { controlEvents: true },
      { headers: { "connect-content-encoding": "gzip" }, direct: false, frames: 1 },
    ),
  };

  test.each([
    ...Object.entries(grpcOnly).map(([name, one]) => [name, "gRPC", one] as const),
    ...Object.entries(connectOnly).map(([name, one]) => [name, "Connect", one] as const),
  ])("%s", async (_, name, one) => {
    const { answered, expected, took } = await both(protocols[name] as Protocol, one);
    expect(answered).toEqual(expected);
    expect(took).toEqual({ direct: one.direct, general: true });
  });

  test("a request in gzip is unpacked", async () => {
    const one = appendCase({ payload: new Uint8Array(1000) });
    const unary = await both(protocols.Connect as Protocol, one, (call) => ({
      ...call,
      headers: { ...call.headers, "content-encoding": "gzip" },
      body: gzipSync(call.body ?? ""),
    }));
    expect(unary.answered).toEqual(unary.expected);
    expect(unary.answered).toMatchObject({ status: 200 });
    const streamed = await both(protocols.gRPC as Protocol, one, (call) => ({
      ...call,
      headers: { ...call.headers, "grpc-encoding": "gzip" },
      body: frame(gzipSync(one.message), 1),
    }));
    expect(streamed.answered).toEqual(streamed.expected);
    expect(streamed.answered).toMatchObject({ trailers: { "grpc-status": "0" } });
  });

  test.each([
    ["Connect", { "connect-timeout-ms": "20" }],
    ["Connect", { "connect-timeout-ms": "0" }],
    ["gRPC", { "grpc-timeout": "20m" }],
    ["gRPC", { "grpc-timeout": "0n" }],
  ])("%s, a deadline that passes before the disk answers: %p", async (name, headers) => {
    const one = appendCase({}, { headers, before: async ({ store }) => store.hold() });
    const { answered, expected, counted } = await both(protocols[name] as Protocol, one);
    expect(answered).toEqual(expected);
    expect(counted[0]).toEqual(counted[1] ?? []);
    expect(counted[0]?.map(([, , code]) => code)).toEqual(["DEADLINE_EXCEEDED"]);
  });

  test.each([
    ["Connect", { "connect-timeout-ms": "30" }],
    ["gRPC", { "grpc-timeout": "30m" }],
  ])("%s, a watch whose deadline passes: %p", async (name, headers) => {
    const one = watchCase({ controlEvents: true }, { headers, before: some });
    const { answered, expected, counted } = await both(protocols[name] as Protocol, one);
    expect(answered).toEqual(expected);
    expect(counted).toEqual([
      [["Watch", expect.any(String), "DEADLINE_EXCEEDED"]],
      [["Watch", expect.any(String), "DEADLINE_EXCEEDED"]],
    ]);
  });
});

describe("bodies that are no single message are answered the same on both paths:", () => {
  const { message } = appendCase({});
  const bodies: Record<string, Uint8Array> = {
    "no byte": new Uint8Array(0),
    "an empty frame": frame(new Uint8Array(0)),
    "half a header": frame(message).subarray(0, 3),
    "a header alone": frame(message).subarray(0, 5),
    "a frame without its last byte": frame(message).subarray(0, -1),
    "a frame and a byte": Buffer.concat([frame(message), Buffer.alloc(1)]),
    "two frames": Buffer.concat([frame(message), frame(message)]),
    "a compressed frame without encoding": frame(message, 1),
    "a frame with unknown flags": frame(message, 0x40),
    "a frame that says 4 GiB": frame(message, 0, 2 ** 32 - 1),
    "a frame that says less than it is": frame(message, 0, message.length - 1),
    "a frame with the flag of the end": frame(message, 2),
    noise: Uint8Array.from({ length: 300 }, (_, i) => (i * 7919) >>> 4),
  };
  const combinations = Object.entries(bodies).flatMap(([name, body]) =>
    [
      ["gRPC", appendCase({})],
      ["gRPC", watchCase({})],
      ["Connect", watchCase({})],
      ["Connect", appendCase({})],
    ].map(([protocol, one]) => [name, protocol as string, (one as Case).method, one as Case, body] as const),
  );

  test.each(combinations)("%s, over %s to %s", async (_, name, _method, one, body) => {
    // Some of these are a valid watch, which would go on for ever.
    const headers = name === "gRPC" ? { "grpc-timeout": "100m" } : { "connect-timeout-ms": "100" };
    const { answered, expected } = await both(protocols[name] as Protocol, one, (call) => ({
      ...call,
      headers: { ...call.headers, ...headers },
      body,
    }));
    expect(answered).toEqual(expected);
  });
});

describe("an AppendStream that breaks off in a way that is no request ends with an error, after its answers:", () => {
  const one = frame(batch({}));
  const bodies: [name: string, bad: Uint8Array, status: string, code: string][] = [
    ["half a header", one.subarray(0, 3), "3", "invalid_argument"],
    ["a header alone", one.subarray(0, 5), "3", "invalid_argument"],
    ["a frame without its last byte", one.subarray(0, -1), "3", "invalid_argument"],
    ["a compressed frame", frame(gzipSync(batch({})), 1), "13", "internal"],
    ["a frame with unknown flags", frame(batch({}), 0x40), "13", "internal"],
    ["a frame that says 4 GiB", frame(batch({}), 0, 2 ** 32 - 1), "8", "resource_exhausted"],
    ["a message that ends too early", frame(batch({}).subarray(0, -1)), "3", "invalid_argument"],
    [
      "a key that is not UTF-8",
      frame(raw("AppendStream", "0a0163 1203 0a01ff").message),
      "3",
      "invalid_argument",
    ],
  ];

  test.each(bodies)("%s", async (_, bad, status, code) => {
    await using server = await startListeners();
    const stream = streamCase([batch({}), batch({ contextId: "" })]);
    const grpc = (protocols.gRPC as Protocol).plain(stream);
    const body = Buffer.concat([grpc.body ?? new Uint8Array(0), bad]);
    const overGrpc = await callHttp2(server.grpcPort, { ...grpc, body });
    expect(framesOf(overGrpc.body)).toHaveLength(2);
    expect(overGrpc.trailers["grpc-status"]).toBe(status);
    const connect = (protocols.Connect as Protocol).plain(stream);
    const overConnect = framesOf((await callHttp(server.httpPort, { ...connect, body })).body);
    expect(overConnect.map(({ flags }) => flags)).toEqual([0, 0, 2]);
    expect(JSON.parse(overConnect.at(-1)?.message.toString() ?? "")).toMatchObject({ error: { code } });
    expect(server.failures).toEqual([]);
  });
});

describe("large and unusual requests", () => {
  let server: Listening;
  beforeAll(async () => {
    server = await startListeners();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("a payload of 4 MiB is taken, one byte more is not, on both listeners", async () => {
    for (const extra of [0, 1]) {
      const one = appendCase({ contextId: "big", payload: new Uint8Array(4 * 2 ** 20 + extra) });
      const connect = await callHttp(server.httpPort, (protocols.Connect as Protocol).plain(one));
      const grpc = await callHttp2(server.grpcPort, (protocols.gRPC as Protocol).plain(one));
      expect([connect.status, grpc.trailers["grpc-status"]]).toEqual(extra === 0 ? [200, "0"] : [429, "8"]);
      const text = extra === 0 ? "" : "Payload exceeds maximum allowed size";
      expect(grpc.trailers["grpc-message"] ?? "").toContain(text);
    }
  });

  test("a method that does not exist", async () => {
    const path = `${service}/Nothing`;
    const grpc = await callHttp2(server.grpcPort, {
      path,
      headers: { "content-type": "application/grpc" },
      body: frame(new Uint8Array(0)),
    });
    expect([grpc.status, grpc.headers["grpc-status"]]).toEqual([200, "12"]);
    expect((await callHttp2(server.grpcPort, { path })).status).toBe(404);
    expect((await callHttp(server.httpPort, { path })).status).toBe(404);
  });

  test("another HTTP method is left to the general path", async () => {
    const path = `${service}/Append`;
    const headers = { "content-type": "application/proto" };
    expect((await callHttp(server.httpPort, { path, method: "PUT", headers })).status).toBe(405);
  });

  test("Connect GET of a Get", async () => {
    const message = Buffer.from(getCase({ contextId: "nowhere" }).message).toString("base64url");
    const path = `${service}/Get?connect=v1&encoding=proto&base64=1&message=${message}`;
    const { status, headers } = await callHttp(server.httpPort, { path, method: "GET" });
    expect([status, headers["content-type"]]).toEqual([200, "application/proto"]);
  });
});
