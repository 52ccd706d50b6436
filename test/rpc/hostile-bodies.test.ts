import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { limits } from "../../src/core/limits.ts";
import { AppendRequestSchema } from "../../src/gen/converge/context/v1/context_pb.ts";
import {
  AppendBatchRequestSchema,
  LedgerService,
  LoadStreamRequestSchema,
} from "../../src/gen/converge/ledger/v1/ledger_pb.ts";
import { framed } from "../../src/rpc/fast/plain-answers.ts";
import { withCheckedBody } from "../../src/rpc/incoming/checked-body.ts";
import { BodyBudget } from "../../src/rpc/incoming/body-budget.ts";
import { checkJsonValues, checkParts } from "../../src/rpc/incoming/message-check.ts";
import { callHttp, callHttp2, type Listening, startListeners } from "../support/ledger-listeners.ts";

const append = "/converge.context.v1.ContextService/Append";
const appendBatch = "/converge.ledger.v1.LedgerService/AppendBatch";

/** `tag length` over and over: a message part of two bytes that stands for an object. */
function parts(tag: number, count: number): Uint8Array {
  return Uint8Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? tag : 0));
}

describe("checkParts()", () => {
  test.each([
    [
      "metadata pairs",
      AppendRequestSchema,
      parts(0x22, limits.fieldRepeatsMax + 1),
      "METADATA_TOO_MANY_PAIRS",
    ],
    ["entries", AppendBatchRequestSchema, parts(0x12, limits.fieldRepeatsMax + 1), "BATCH_TOO_LARGE"],
    [
      "unknown fields",
      AppendRequestSchema,
      parts(0x7a, limits.fieldRepeatsMax + 1),
      "MESSAGE_TOO_MANY_PARTS",
    ],
  ])("refuses more %s than any request needs", (_, schema, message, reason) => {
    expect(() => checkParts(message, schema)).toThrow(
      expect.objectContaining({ facts: expect.objectContaining({ reason }) }),
    );
  });

  test("looks into the entries of a batch", () => {
    const entry = parts(0x1a, limits.fieldRepeatsMax + 1);
    const message = Buffer.concat([Buffer.from([0x12, 0x82, 0x10]), entry]);
    expect(entry.length).toBe(0x802);
    expect(() => checkParts(message, AppendBatchRequestSchema)).toThrow("metadata has over 1024 pairs");
  });

  test("lets as many pass as a full batch has, and leaves what is not well formed to the parser", () => {
    checkParts(parts(0x12, limits.batchEntriesMax), AppendBatchRequestSchema);
    checkParts(Uint8Array.of(0x0a, 0x05), AppendRequestSchema);
  });
});

describe("checkJsonValues()", () => {
  test("counts values, not what is in strings", () => {
    const commas = ",".repeat(2 * limits.jsonValuesMax);
    checkJsonValues(Buffer.from(JSON.stringify({ key: `${commas}\\"${commas}` })), AppendRequestSchema);
    const many = Buffer.from(`{"x":[${"[],".repeat(limits.jsonValuesMax)}[]]}`);
    expect(() => checkJsonValues(many, AppendRequestSchema)).toThrow("too many parts");
  });
});

describe("a BodyBudget", () => {
  test("refuses what is over the bound of all requests together, until one gives back", () => {
    const budget = new BodyBudget();
    const [first, second] = [budget.open(), budget.open()];
    first.set(limits.bodiesBytesMax - 10);
    expect(() => second.add(11)).toThrow(expect.objectContaining({ code: "UNAVAILABLE" }));
    second.close();
    first.set(20);
    second.add(11);
    expect(budget.held).toBe(31);
    first.close();
    first.close();
    second.close();
    expect(budget.held).toBe(0);
  });
});

describe("withCheckedBody()", () => {
  test("unpacks a stream of any length: what was passed on is no longer held", async () => {
    const budget = new BodyBudget();
    const chunk = new Uint8Array(4 * 1024 * 1024);
    const message = toBinary(LoadStreamRequestSchema, create(LoadStreamRequestSchema, { chunk }));
    const frame = framed(gzipSync(message), 1);
    const frames = Math.ceil((2 * limits.bodiesBytesMax) / chunk.length);
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < frames; i += 1) yield frame;
    }
    const request = {
      httpVersion: "2.0",
      method: "POST",
      url: "http://localhost/",
      header: new Headers({ "content-type": "application/grpc", "grpc-encoding": "gzip" }),
      body: body(),
      signal: new AbortController().signal,
    };
    const checked = withCheckedBody(request, LedgerService.method.loadStream, {
      budget,
      over: request.signal,
    });
    let passed = 0;
    for await (const one of checked.body as AsyncIterable<Uint8Array>) {
      expect(one.length).toBe(5 + message.length);
      passed += 1;
    }
    expect([passed, budget.held]).toEqual([frames, 0]);
  });
});

describe("the listeners refuse", () => {
  let server: Listening;
  beforeAll(async () => {
    server = await startListeners();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const zeros = new Uint8Array(limits.requestBytesMax + 1);
  const small = gzipSync(zeros);

  test.each([
    ["a gzip bomb", append, { "content-type": "application/proto", "content-encoding": "gzip" }, small],
    [
      "a gzip bomb in JSON",
      append,
      { "content-type": "application/json", "content-encoding": "gzip" },
      small,
    ],
    ["a batch of over 16 MiB", appendBatch, { "content-type": "application/proto" }, zeros],
  ])("%s over Connect", async (_, path, headers, body) => {
    const reply = await callHttp(server.httpPort, { path, method: "POST", headers, body });
    expect([reply.status, JSON.parse(reply.body.toString())]).toEqual([
      429,
      expect.objectContaining({
        code: "resource_exhausted",
        details: [
          expect.objectContaining({ debug: expect.objectContaining({ reason: "MESSAGE_TOO_LARGE" }) }),
        ],
      }),
    ]);
  });

  test.each([["application/grpc"], ["application/grpc+proto"]])("a gzip bomb over %s", async (type) => {
    const body = Buffer.concat([Buffer.from([1, 0, 0, 0, 0]), small]);
    body.writeUInt32BE(small.length, 1);
    const headers = { "content-type": type, "grpc-encoding": "gzip" };
    const reply = await callHttp2(server.grpcPort, { path: append, method: "POST", headers, body });
    expect(reply.trailers["grpc-status"]).toBe("8");
    expect(reply.trailers["grpc-message"]).toContain("is over 6291456 bytes");
  });

  test("a batch of a million empty entries, on both listeners", async () => {
    const body = Buffer.concat([Buffer.from([0x0a, 1, 0x63]), parts(0x12, 1_000_000)]);
    const connect = {
      path: appendBatch,
      method: "POST",
      headers: { "content-type": "application/proto" },
      body,
    };
    const reply = await callHttp(server.httpPort, connect);
    expect([reply.status, JSON.parse(reply.body.toString())]).toEqual([
      429,
      expect.objectContaining({
        message: expect.stringContaining("the batch has over 1024 entries, more than 1000"),
      }),
    ]);
    const framed = Buffer.concat([Buffer.alloc(5), body]);
    framed.writeUInt32BE(body.length, 1);
    const grpc = await callHttp2(server.grpcPort, {
      path: appendBatch,
      method: "POST",
      headers: { "content-type": "application/grpc" },
      body: framed,
    });
    expect(grpc.trailers["grpc-status"]).toBe("8");
  });

  test("and nothing of it is held afterwards", () => {
    expect(server.failures).toEqual([]);
  });
});
