import { type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "bun:test";
import { LedgerError } from "../../../src/core/errors.ts";
import { limits } from "../../../src/core/limits.ts";
import * as proto from "../../../src/gen/converge/peer/v1/peer_pb.ts";
import {
  callNumbers,
  readAnswer,
  readRequest,
  streamNumbers,
  writeAnswer,
  writeRequest,
} from "../../../src/node/peers/codec.ts";
import { readError, writeError } from "../../../src/node/peers/error-codec.ts";
import { WireWriter } from "../../../src/node/peers/wire-writer.ts";
import type { PeerCallKind } from "../../../src/sync/peer-messages.ts";
import { hash, id, sampleAnswers, sampleRequests } from "./sample-messages.ts";

const schemas: Readonly<Record<PeerCallKind, readonly [request: DescMessage, answer: DescMessage]>> = {
  replicate: [proto.ReplicateRequestSchema, proto.ReplicateAnswerSchema],
  prepare: [proto.PrepareRequestSchema, proto.PrepareAnswerSchema],
  adopt: [proto.AdoptRequestSchema, proto.ReplicateResultSchema],
  nodes: [proto.NodesRequestSchema, proto.NodesAnswerSchema],
  rows: [proto.RowsRequestSchema, proto.RowsAnswerSchema],
  holding: [proto.HoldingRequestSchema, proto.HoldingAnswerSchema],
  digest: [proto.DigestRequestSchema, proto.DigestAnswerSchema],
  bucket: [proto.BucketRequestSchema, proto.BucketAnswerSchema],
  offer: [proto.OfferRequestSchema, proto.OfferAnswerSchema],
  holders: [proto.HoldersRequestSchema, proto.ReplicateResultSchema],
  nudge: [proto.NudgeRequestSchema, proto.NudgeAnswerSchema],
  forks: [proto.ForksRequestSchema, proto.ForksAnswerSchema],
  forward: [proto.ForwardRequestSchema, proto.ForwardAnswerSchema],
  announce: [proto.AnnounceRequestSchema, proto.AnnounceAnswerSchema],
  broadcast: [proto.BroadcastRequestSchema, proto.BroadcastAnswerSchema],
  group: [proto.GroupRequestSchema, proto.GroupAnswerSchema],
  watchers: [proto.WatchersRequestSchema, proto.WatchersAnswerSchema],
};
const kinds = Object.keys(schemas) as PeerCallKind[];

/** What protobuf-es makes of `bytes`, which must be nothing but fields that it knows. */
function again(schema: DescMessage, bytes: Uint8Array): Uint8Array {
  const message = fromBinary(schema, bytes);
  expect(message.$unknown).toBeUndefined();
  return toBinary(schema, message);
}

describe.each(kinds)("%s", (kind) => {
  test("requests are the same after they have travelled, also as protobuf-es writes them", () => {
    for (const request of sampleRequests[kind]) {
      const bytes = writeRequest(kind, request as never);
      expect(readRequest(kind, bytes) as unknown).toEqual(request);
      expect(readRequest(kind, again(schemas[kind][0], bytes)) as unknown).toEqual(request);
    }
  });

  test("answers are the same after they have travelled, also as protobuf-es writes them", () => {
    for (const answer of sampleAnswers[kind]) {
      const bytes = writeAnswer(kind, answer as never);
      expect(readAnswer(kind, bytes) as unknown).toEqual(answer);
      expect(readAnswer(kind, again(schemas[kind][1], bytes)) as unknown).toEqual(answer);
    }
  });

  test("fields of later versions are passed over", () => {
    const more = new WireWriter()
      .uint(900, 2 ** 50)
      .bytes(901, hash(1))
      .double(902, 1.5)
      .finish();
    for (const answer of sampleAnswers[kind]) {
      const bytes = Buffer.concat([more, writeAnswer(kind, answer as never), more]);
      expect(readAnswer(kind, new Uint8Array(bytes)) as unknown).toEqual(answer);
    }
  });
});

test("calls and streams have the numbers of the proto", () => {
  const upper = (numbers: Readonly<Record<string, number>>): Record<string, number> =>
    Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name.toUpperCase(), number]));
  expect(upper(callNumbers)).toMatchObject(numbersOf(proto.CallKind));
  expect(upper(streamNumbers)).toMatchObject(numbersOf(proto.StreamKind));
});

function numbersOf(values: Readonly<Record<string, string | number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).filter(
      (pair): pair is [string, number] => typeof pair[1] === "number" && pair[1] !== 0,
    ),
  );
}

describe("readRequest() refuses", () => {
  const epochOf = (counter: number, node: Uint8Array): Uint8Array =>
    new WireWriter().uint(1, counter).bytes(2, node).finish();
  const valid = (writer = new WireWriter()): WireWriter => writer.text(1, "c");
  const announced = (write: (writer: WireWriter) => void): Uint8Array =>
    new WireWriter().message(3, (writer) => valid(writer).message(2, write)).finish();
  const item = (write: (writer: WireWriter) => void): Uint8Array =>
    new WireWriter().message(1, write).finish();

  test.each<[string, PeerCallKind, Uint8Array, string]>([
    ["a context without a name", "holding", new Uint8Array(0), "context_id"],
    [
      "a context with a control character",
      "holding",
      new WireWriter().text(1, "a\nb").finish(),
      "context_id",
    ],
    ["a long context id", "holding", new WireWriter().text(1, "x".repeat(1025)).finish(), "context_id"],
    [
      "text that is no UTF-8",
      "holding",
      new WireWriter().bytes(1, Uint8Array.of(0xff)).finish(),
      "context_id",
    ],
    [
      "an epoch with a short node id",
      "prepare",
      valid()
        .bytes(2, epochOf(1, hash(1).subarray(0, 15)))
        .finish(),
      "epoch.node_id",
    ],
    [
      "an epoch without a node",
      "prepare",
      valid()
        .bytes(2, epochOf(1, new Uint8Array(0)))
        .finish(),
      "epoch.node_id",
    ],
    [
      "a node without a counter",
      "prepare",
      valid()
        .bytes(2, epochOf(0, hash(1).subarray(0, 16)))
        .finish(),
      "epoch.node_id",
    ],
    ["a holder of 17 bytes", "prepare", valid().bytes(3, new Uint8Array(17)).finish(), "holders"],
    ["an empty holder", "prepare", valid().always(3, new Uint8Array(0)).finish(), "holders"],
    [
      "too many holders",
      "prepare",
      many(valid(), limits.holdersMax + 1, (writer) => writer.bytes(3, new Uint8Array(16))),
      "holders",
    ],
    ["no target", "adopt", valid().finish(), "target"],
    [
      "a target without a root",
      "adopt",
      valid()
        .message(4, () => undefined)
        .finish(),
      "target.root",
    ],
    ["no position", "holders", valid().finish(), "position"],
    [
      "a short root",
      "replicate",
      item((writer) => writer.text(1, "c").bytes(5, hash(1).subarray(1))),
      "items.root_after",
    ],
    ["no root", "replicate", item((writer) => writer.text(1, "c")), "items.root_after"],
    [
      "a row without a hash",
      "replicate",
      item((writer) => writer.message(6, () => writer.bytes(2, hash(1)))),
      "rows.content_hash",
    ],
    [
      "a row without an entry",
      "replicate",
      item((writer) => writer.message(6, () => writer.bytes(1, hash(1)))),
      "rows.wire",
    ],
    [
      "8,193 items",
      "replicate",
      many(new WireWriter(), 8193, (writer) =>
        writer.message(1, () => writer.text(1, "c").bytes(5, hash(1))),
      ),
      "items",
    ],
    [
      "an offer without sequences",
      "offer",
      valid()
        .message(4, (writer) => writer.bytes(1, hash(1)).bytes(2, hash(1)))
        .finish(),
      "rows.sequence",
    ],
    ["4,097 runs", "nodes", many(valid(), 4097, (writer) => writer.message(3, () => undefined)), "runs"],
    [
      "a run of too many nodes",
      "nodes",
      valid()
        .message(3, (writer) => writer.uint(3, 65_537))
        .finish(),
      "runs.count",
    ],
    ["a digest without a sum", "digest", new Uint8Array(0), "all"],
    [
      "a digest with half a bucket",
      "digest",
      new WireWriter().bytes(1, hash(1)).bytes(2, hash(1)).finish(),
      "buckets",
    ],
    ["bucket 256", "bucket", new WireWriter().uint(1, 256).finish(), "bucket"],
    ["a page of 4,097 contexts", "bucket", new WireWriter().uint(3, 4097).finish(), "limit"],
    ["a call without a method", "forward", new Uint8Array(0), "method"],
    [
      "a message without an id",
      "broadcast",
      valid()
        .message(2, () => undefined)
        .finish(),
      "message.id",
    ],
    ["a broadcast of nothing", "broadcast", valid().finish(), "message"],
    [
      "a payload over 64 KiB",
      "broadcast",
      valid()
        .message(2, (writer) => writer.bytes(3, new Uint8Array(65_537)))
        .finish(),
      "message.payload",
    ],
    [
      "a member without an id",
      "announce",
      announced((writer) => writer.bytes(4, hash(1).subarray(0, 16))),
      "member.member_id",
    ],
    ["a member without a node", "announce", announced((writer) => writer.text(1, "m")), "member.node_id"],
    [
      "a member that says too much",
      "announce",
      announced((writer) => writer.message(3, () => writer.text(1, "a").text(2, "x".repeat(4096)))),
      "member.metadata",
    ],
    [
      "17 pairs of metadata",
      "announce",
      announced((writer) => {
        for (let index = 0; index < 17; index += 1) writer.message(3, () => writer.text(1, `${index}`));
      }),
      "member.metadata",
    ],
    [
      "a second of too many nanoseconds",
      "announce",
      announced((writer) => writer.message(5, () => writer.uint(2, 1_000_000_000))),
      "member.joined_at.nanoseconds",
    ],
    [
      "65 groups",
      "announce",
      many(new WireWriter(), 65, (writer) => writer.message(3, () => writer.text(1, "c"))),
      "items",
    ],
    ["256 hops", "forward", new WireWriter().uint(1, 256).finish(), "hops"],
    [
      "a sequence above 2^53",
      "rows",
      Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
      "after",
    ],
    ["a varint without end", "rows", new Uint8Array(12).fill(0xff), "tag"],
    ["field number 0", "rows", Uint8Array.of(0, 0), "tag"],
    ["a group", "rows", Uint8Array.of(0x7b), "field 15"],
    ["text where a number belongs", "rows", new WireWriter().text(2, "1").finish(), "after"],
    ["a field that is longer than the message", "holding", Uint8Array.of(0x0a, 5, 65), "context_id"],
  ])("%s", (_, kind, bytes, field) => {
    expect(() => readRequest(kind, bytes)).toThrow(LedgerError);
    try {
      readRequest(kind, bytes);
    } catch (error) {
      expect(error).toMatchObject({
        code: "INVALID_ARGUMENT",
        facts: { reason: "PEER_MESSAGE_INVALID", field },
      });
    }
  });
});

test("readRequest() counts the rows of all items together", () => {
  const row = { contentHash: hash(1), wire: Uint8Array.of(1) };
  const rows = Array.from({ length: 40_000 }, () => row);
  const item = {
    ...{ contextId: "c", epoch: { counter: 0, nodeId: "" }, holders: [id("a")] },
    ...{ after: 0, rootAfter: hash(0), rows, committed: 0 },
  };
  expect(readRequest("replicate", writeRequest("replicate", { items: [item] })).items[0]?.rows).toHaveLength(
    40_000,
  );
  expect(() => readRequest("replicate", writeRequest("replicate", { items: [item, item] }))).toThrow("rows");
});

test("readAnswer() refuses an answer that is none as a mistake of the other node", () => {
  expect(() => readAnswer("adopt", new Uint8Array(0))).toThrow(
    expect.objectContaining({
      code: "INTERNAL",
      facts: expect.objectContaining({ reason: "PEER_ANSWER_INVALID", field: "result" }),
    }) as Error,
  );
});

describe("errors", () => {
  test.each<[string, LedgerError]>([
    ["without facts", new LedgerError("ABORTED", "no", { reason: "R" })],
    [
      "with all facts",
      new LedgerError("OUT_OF_RANGE", "too far", {
        ...{ reason: "SEQUENCE_ABOVE_HEAD", field: "from", value: -1.5, limit: 2n ** 70n },
        ...{ remedy: "start lower", sequence: 0, retryAfterMs: 0 },
      }),
    ],
    [
      "with text",
      new LedgerError("DATA_LOSS", "ü", {
        reason: "R",
        value: "",
        limit: -(2n ** 63n),
        sequence: 2 ** 53 - 1,
      }),
    ],
  ])("%s are the same after they have travelled", (_, error) => {
    const read = readError(writeError(error));
    expect([read.code, read.message, read.facts]).toEqual([error.code, error.message, error.facts]);
    const { $unknown } = fromBinary(proto.PeerErrorSchema, writeError(error));
    expect($unknown).toBeUndefined();
  });

  test("have every code", () => {
    const codes = [
      ...(["CANCELLED", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"] as const),
      ...(["RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE"] as const),
      ...(["UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"] as const),
    ];
    const travelled = codes.map(
      (code) => readError(writeError(new LedgerError(code, "x", { reason: "R" }))).code,
    );
    expect(travelled).toEqual(codes);
  });

  test("are cut when they are long", () => {
    const long = "ü\ud800".repeat(10_000);
    const bytes = writeError(new LedgerError("INTERNAL", long, { reason: "R", value: long, remedy: long }));
    expect(bytes.length).toBeLessThan(13_000);
    expect(readError(bytes).facts.reason).toBe("R");
  });

  test("that nobody can read become one that says so", () => {
    expect(readError(Uint8Array.of(0xff))).toMatchObject({
      code: "INTERNAL",
      facts: { reason: "PEER_ANSWER_INVALID" },
    });
    expect(readError(new WireWriter().uint(1, 99).text(3, "NEW").finish())).toMatchObject({
      code: "INTERNAL",
      facts: { reason: "NEW" },
    });
  });
});

function many(writer: WireWriter, count: number, write: (writer: WireWriter) => void): Uint8Array {
  for (let index = 0; index < count; index += 1) write(writer);
  return writer.finish();
}
