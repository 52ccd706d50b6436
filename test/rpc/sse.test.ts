import { describe, expect, test } from "bun:test";
import { fromJson } from "@bufbuild/protobuf";
import { formatEventId } from "../../src/core/cursor.ts";
import { EntrySchema } from "../../src/gen/converge/context/v1/context_pb.ts";
import { entryMessage } from "../../src/rpc/messages.ts";
import { nextTurn } from "../support/ledger-clock.ts";
import { callHttp, type Listening, type Reply, startListeners } from "../support/ledger-listeners.ts";
import { append, appendBatch, get } from "../support/ledger-world.ts";

/** Watches until the text matches, then goes. */
function watch(
  server: Listening,
  path: string,
  until: RegExp,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const enough = (body: Buffer): boolean => until.test(body.toString());
  return callHttp(server.httpPort, { path: `/v1/contexts/${path}`, method: "GET", headers, enough });
}

/** Returns the sequences of the entries in a body, in order, and other events by name. */
function eventsOf({ body }: Reply): string[] {
  return [
    ...body
      .toString()
      .matchAll(
        /^(?:id: (\d+)-[0-9a-f]{16}\nevent: entry|event: (reset)\ndata: \{"sequence":"(\d+)"\}|: (caught up \d+|heartbeat \d+))$/gm,
      ),
  ].map(([, sequence, reset, at, comment]) => sequence ?? comment ?? `${reset} ${at}`);
}

async function watched(): Promise<Listening> {
  const server = await startListeners();
  await appendBatch(server.ledger, "c", [
    { key: "a", payload: "1" },
    { key: "b", payload: "2\n\r\u2028", metadata: [["n\n", "v"]] },
    { key: "a", payload: new Uint8Array([255, 0]) },
  ]);
  return server;
}

describe("a watch over server-sent events", () => {
  test("sends each entry as JSON, with an id that resumes after it", async () => {
    await using server = await watched();
    const reply = await watch(server, "c/watch", /caught up 3/);
    expect([
      reply.status,
      reply.headers["content-type"],
      reply.headers["cache-control"],
      reply.headers["x-accel-buffering"],
    ]).toEqual([200, "text/event-stream", "no-store", "no"]);
    const { entries } = await get(server.ledger, "c");
    const [first, ...events] = reply.body.toString().split("\n\n").slice(0, -1);
    expect(first).toBe("retry: 1000");
    expect(events.at(-1)).toBe(": caught up 3");
    for (const [i, entry] of entries.entries()) {
      const [id, event, data = "", ...more] = (events[i] ?? "").split("\n");
      expect([id, event, more]).toEqual([
        `id: ${formatEventId(entry.sequence, entry.contentHash)}`,
        "event: entry",
        [],
      ]);
      const json = JSON.parse(data.replace(/^data: /, ""));
      expect(fromJson(EntrySchema, json)).toEqual(entryMessage(entry));
      expect(typeof json.sequence).toBe("string");
    }
  });

  test.each([
    ["?from_sequence=1", {}, ["2", "3", "caught up 3"]],
    ["?from_sequence=", {}, ["1", "2", "3", "caught up 3"]],
    ["?from_sequence=18446744073709551615", {}, ["caught up 3"]],
    ["?key=a", {}, ["1", "3", "caught up 3"]],
    ["?key=a&from_sequence=1", {}, ["3", "caught up 3"]],
    ["?key=%61&unknown=1", {}, ["1", "3", "caught up 3"]],
    ["?from_sequence=0", { "last-event-id": "2" }, ["3", "caught up 3"]],
    ["?from_sequence=nonsense", { "last-event-id": "2" }, ["3", "caught up 3"]],
    ["?from_sequence=2", { "last-event-id": "" }, ["3", "caught up 3"]],
    ["?from_sequence=4", {}, ["reset 0", "1", "2", "3", "caught up 3"]],
    ["?from_sequence=9007199254740993", {}, ["reset 0", "1", "2", "3", "caught up 3"]],
    ["", { "last-event-id": "99-0123456789abcdef" }, ["reset 0", "1", "2", "3", "caught up 3"]],
    ["", { "last-event-id": "2-0123456789abcdef" }, ["reset 0", "1", "2", "3", "caught up 3"]],
  ])("%s with %p", async (query, headers, events) => {
    await using server = await watched();
    expect(eventsOf(await watch(server, `c/watch${query}`, /caught up/, headers))).toEqual(events);
  });

  test("resumes after the id of an event", async () => {
    await using server = await watched();
    const [, second] = (await get(server.ledger, "c")).entries;
    const id = formatEventId(2, second?.contentHash ?? new Uint8Array(32));
    expect(eventsOf(await watch(server, "c/watch", /caught up/, { "last-event-id": id }))).toEqual([
      "3",
      "caught up 3",
    ]);
  });

  test.each([
    ["?from_sequence=-1", {}, "from_sequence"],
    ["?from_sequence=1.5", {}, "from_sequence"],
    ["?from_sequence=01", {}, "from_sequence"],
    ["?from_sequence=%201", {}, "from_sequence"],
    ["?from_sequence=18446744073709551616", {}, "from_sequence"],
    ["?from_sequence=1-00", {}, "from_sequence"],
    ["", { "last-event-id": "x" }, "Last-Event-ID"],
    ["", { "last-event-id": "1-0123456789ABCDEF" }, "Last-Event-ID"],
    ["", { "last-event-id": "0-0123456789abcdef" }, "Last-Event-ID"],
    ["", { "last-event-id": "1, 2" }, "Last-Event-ID"],
    [`?key=${"k".repeat(1025)}`, {}, "key"],
    ["?key=%FF", {}, "key"],
    ["?key=%ED%A0%80", {}, "key"],
    ["?key=%4", {}, "key"],
    ["?from_sequence=%FF", {}, "from_sequence"],
  ])("%s with %p is refused and names the field", async (query, headers, field) => {
    await using server = await watched();
    const reply = await watch(server, `c/watch${query}`, /never/, headers);
    expect([reply.status, reply.headers["content-type"]]).toEqual([400, "application/json"]);
    const { code, message } = JSON.parse(reply.body.toString());
    expect(code).toBe("invalid_argument");
    expect(message).toStartWith(field);
    expect(server.ledger.watchCounts().watchers).toBe(0);
    expect(server.calls).toEqual([["Watch", "sse", "INVALID_ARGUMENT"]]);
  });

  test.each([
    ["a%2Fb", "a/b"],
    ["%25", "%"],
    ["%2525", "%25"],
    ["%2e%2e%2e", "..."],
    ["%E2%82%AC", "€"],
    ["a+b", "a+b"],
    ["a%20b", "a b"],
    ["a%3Fkey=x", "a?key=x"],
    ["a;b=c,d@e:f", "a;b=c,d@e:f"],
    ["%EF%BB%BFx", "\ufeffx"],
    ["e%CC%81", "e\u0301"],
  ])("/v1/contexts/%s/watch watches %p", async (escaped, contextId) => {
    await using server = await startListeners();
    await append(server.ledger, contextId, { payload: "here" });
    expect(eventsOf(await watch(server, `${escaped}/watch`, /caught up/))).toEqual(["1", "caught up 1"]);
  });

  test.each([
    ["%", 400],
    ["%2", 400],
    ["%zz", 400],
    ["%FF", 400],
    ["%C3", 400],
    ["%ED%A0%80", 400],
    ["%00", 400],
    ["a%0A", 400],
    ["x".repeat(1025), 400],
    ["a/b", 404],
    ["", 404],
  ])("/v1/contexts/%s/watch is answered with %d", async (escaped, status) => {
    await using server = await startListeners();
    const reply = await watch(server, `${escaped}/watch`, /never/);
    expect(reply.status).toBe(status);
    expect(server.failures).toEqual([]);
    expect(server.ledger.watchCounts().watchers).toBe(0);
  });

  test("sends heartbeats as comments that name the newest sequence", async () => {
    await using server = await watched();
    const beating = watch(server, "c/watch?from_sequence=3", /heartbeat/);
    while (server.ledger.watchCounts().watchers === 0) await nextTurn();
    await server.clock.advance(1000);
    expect(eventsOf(await beating)).toEqual(["caught up 3", "heartbeat 3"]);
  });

  test("sends what is appended meanwhile, and leaves nothing behind when its client goes", async () => {
    await using server = await startListeners();
    const live = watch(server, "c/watch", /^id: 3-/m);
    while (server.ledger.watchCounts().watchers === 0) await nextTurn();
    await append(server.ledger, "c");
    await appendBatch(server.ledger, "c", [{}, {}]);
    expect(eventsOf(await live)).toEqual(["caught up 0", "1", "2", "3"]);
    while (server.ledger.watchCounts().watchers > 0) await nextTurn();
    expect(server.calls).toEqual([["Watch", "sse", "CANCELLED"]]);
    expect([...server.watching]).toEqual([["sse", 0]]);
    expect(server.clock.pending).toBe(0);
  });

  test("ends when the server ends watches", async () => {
    await using server = await watched();
    const { LedgerError } = await import("../../src/core/errors.ts");
    const ending = watch(server, "c/watch", /never/);
    while (server.ledger.watchCounts().lagging > 0 || server.ledger.watchCounts().watchers === 0)
      await nextTurn();
    server.ledger.endWatches(new LedgerError("UNAVAILABLE", "bye", { reason: "SHUTTING_DOWN" }));
    expect(eventsOf(await ending)).toEqual(["1", "2", "3", "caught up 3"]);
    expect(server.calls).toEqual([["Watch", "sse", "UNAVAILABLE"]]);
  });
});
