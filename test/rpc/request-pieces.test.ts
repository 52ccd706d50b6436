import { expect, spyOn, test } from "bun:test";
import { EventEmitter } from "node:events";
import type { ServerHttp2Stream } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { AppendRequestSchema } from "../../src/gen/converge/context/v1/context_pb.ts";
import { framed } from "../../src/rpc/fast/plain-answers.ts";
import { BodyBudget } from "../../src/rpc/incoming/body-budget.ts";
import { createFastGrpc } from "../../src/rpc/grpc/fast-stream.ts";
import { nextTurn } from "../support/ledger-clock.ts";
import { get, ledgerWorld } from "../support/ledger-world.ts";

test("createFastGrpc() joins a body once, however many pieces it comes in", async () => {
  const { ledger } = ledgerWorld();
  const metrics = { operation: () => {}, commit: () => {}, watcher: () => {}, childRestarted: () => {} };
  const never = new AbortController().signal;
  const takeFast = createFastGrpc({
    ledger,
    metrics,
    shutdown: { draining: never, over: never },
    budget: new BodyBudget(),
  });
  const stream = Object.assign(new EventEmitter(), { destroyed: true });
  const headers = {
    ":method": "POST",
    ":path": "/converge.context.v1.ContextService/Append",
    "content-type": "application/grpc",
  };
  const payload = new Uint8Array(5000).fill(7);
  const body = Buffer.from(
    framed(toBinary(AppendRequestSchema, create(AppendRequestSchema, { contextId: "c", key: "k", payload }))),
  );

  const concat = spyOn(Buffer, "concat");
  try {
    expect(takeFast(stream as unknown as ServerHttp2Stream, headers, () => {})).toBe(true);
    for (let at = 0; at < body.length; at += 1) stream.emit("data", body.subarray(at, at + 1));
    stream.emit("end");
    expect(concat.mock.calls.length).toBe(1);
  } finally {
    concat.mockRestore();
  }
  await nextTurn();
  expect(await get(ledger, "c")).toMatchObject({ latestSequence: 1 });
});
