/** Watch over server-sent events, as an EventSource and curl see it. */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { curl, curlFeatures } from "../support/curl-client.ts";
import { eventSource, type EventSourceOptions, type SentEvent } from "../support/event-source.ts";
import { fetchClient } from "../support/fetch-client.ts";
import { answerOf, type Json } from "../support/interop-client.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { patienceMs, until } from "../support/until.ts";

setDefaultTimeout(2 * patienceMs);

const contextId = "a/b c?ü";
const path = `/v1/contexts/${encodeURIComponent(contextId)}/watch`;
const hasCurl = (await curlFeatures()).includes("HTTP2");

let server: ServerProcess;
/** The entries of the context, as Get answers them. */
let entries: Json[];

beforeAll(async () => {
  server = await startServerProcess({ flags: ["--watch-heartbeat-ms", "100"] });
  for (let i = 1; i <= 6; i += 1) await appendOne(i % 2 === 0 ? "even" : "odd");
  const answer = await answerOf(fetchClient(server.url), "converge.context.v1.ContextService/Get", {
    contextId,
  });
  entries = answer["entries"] as Json[];
});

afterAll(() => server[Symbol.asyncDispose]());

async function appendOne(key: string): Promise<void> {
  await answerOf(fetchClient(server.url), "converge.context.v1.ContextService/Append", {
    contextId,
    key,
    payload: btoa(key),
  });
}

async function take(count: number, query = "", options: EventSourceOptions = {}): Promise<SentEvent[]> {
  const events: SentEvent[] = [];
  for await (const event of eventSource(`${server.url}${path}${query}`, options)) {
    if (events.push(event) === count) break;
  }
  return events;
}

const sequencesOf = (events: readonly SentEvent[]): unknown[] =>
  events.map(({ data }) => Number((JSON.parse(data) as Json)["sequence"]));

function idOf(sequence: number): string {
  const hash = Buffer.from(entries[sequence - 1]?.["contentHash"] as string, "base64");
  return `${sequence}-${hash.toString("hex").slice(0, 16)}`;
}

test("an event has the entry's sequence and hash as its id and the entry as its data", async () => {
  const events = await take(6);
  expect(events.map(({ type }) => type)).toEqual(Array(6).fill("entry"));
  expect(events.map(({ lastEventId }) => lastEventId)).toEqual([1, 2, 3, 4, 5, 6].map(idOf));
  expect(events.map(({ data }) => JSON.parse(data) as Json)).toEqual(entries);
});

test.each([
  ["from_sequence", "?from_sequence=4", undefined, [5, 6]],
  ["an event id as from_sequence", () => `?from_sequence=${idOf(3)}`, undefined, [4, 5, 6]],
  ["a key", "?key=even", undefined, [2, 4, 6]],
  ["Last-Event-ID", "", 2, [3, 4, 5, 6]],
  ["Last-Event-ID, which wins over the query", "?from_sequence=1", 5, [6]],
  ["Last-Event-ID and a key", "?key=odd", 3, [5]],
] as const)("a watch begins after %s", async (_, query, lastSequence, expected) => {
  const options = lastSequence === undefined ? {} : { lastEventId: idOf(lastSequence) };
  const events = await take(expected.length, typeof query === "string" ? query : query(), options);
  expect(sequencesOf(events)).toEqual([...expected]);
});

test("2^64-1 brings only what is appended later", async () => {
  const first = eventSource(
    `${server.url}/v1/contexts/later/watch?from_sequence=18446744073709551615`,
  ).next();
  const client = fetchClient(server.url);
  const answers: Json[] = [];
  // Until the watch has begun, entries are appended that it need not see.
  const seen = await until("an event", async () => {
    answers.push(
      await answerOf(client, "converge.context.v1.ContextService/Append", { contextId: "later", key: "k" }),
    );
    return await Promise.race([first, Bun.sleep(20).then(() => undefined)]);
  });
  expect(answers.map(({ entry }) => entry)).toContainEqual(
    JSON.parse((seen.value as SentEvent).data) as Json,
  );
});

test.each([
  ["of another history", () => `3-${idOf(2).slice(2)}`],
  ["above the newest sequence", () => "99-0123456789abcdef"],
  ["above the newest sequence, without a hash", () => "99"],
])("a cursor %s brings exactly one reset, then everything after it", async (_, lastEventId) => {
  const events = await take(7, "", { lastEventId: lastEventId() });
  expect(events[0]).toMatchObject({ type: "reset", data: JSON.stringify({ sequence: "0" }) });
  expect(events.slice(1).map(({ type }) => type)).toEqual(Array(6).fill("entry"));
  expect(sequencesOf(events.slice(1))).toEqual([1, 2, 3, 4, 5, 6]);
});

test("silence is broken by comments with the latest sequence", async () => {
  const comments: string[] = [];
  const events = eventSource(`${server.url}${path}?from_sequence=6`, {
    onComment: (text) => comments.push(text),
  });
  const next = events.next();
  await until("three heartbeats", () => comments.filter((text) => text === "heartbeat 6").length >= 3);
  await appendOne("odd");
  expect(sequencesOf([(await next).value as SentEvent])).toEqual([7]);
  await events.return(undefined);
});

test.each([
  ["from_sequence", "?from_sequence=-1", "from_sequence"],
  ["from_sequence", "?from_sequence=18446744073709551616", "from_sequence"],
  ["from_sequence", "?from_sequence=1.5", "from_sequence"],
])("a bad %s in %s is told as an error, not as a stream", async (_, query, field) => {
  const answer = await fetch(`${server.url}${path}${query}`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({
    code: "invalid_argument",
    message: expect.stringContaining(field),
  });
});

test("a context id that is not UTF-8 is told as an error", async () => {
  const answer = await fetch(`${server.url}/v1/contexts/%ff/watch`);
  expect([answer.status, await answer.json()]).toEqual([
    400,
    expect.objectContaining({ code: "invalid_argument" }),
  ]);
});

test.skipIf(!hasCurl).each(["--http1.1", "--http2-prior-knowledge"])(
  "curl -N reads the stream as it is, %s (needs curl with HTTP2)",
  async (version) => {
    const child = Bun.spawn(["curl", "-N", "-s", "-i", version, `${server.url}${path}?key=even`], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    let text = "";
    const decoder = new TextDecoder();
    for await (const bytes of child.stdout) {
      text += decoder.decode(bytes, { stream: true });
      if (text.includes("heartbeat")) break;
    }
    child.kill();
    const end = text.indexOf("\r\n\r\n");
    const head = text.slice(0, end).toLowerCase();
    expect(head).toContain("content-type: text/event-stream");
    expect(head).toContain("x-accel-buffering: no");
    expect(head).toContain("cache-control: no-store");
    const body = text.slice(end + 4);
    expect(body).toStartWith("retry: 1000\n\n");
    const events = [2, 4, 6].map(
      (n) => `id: ${idOf(n)}\nevent: entry\ndata: ${JSON.stringify(entries[n - 1])}\n\n`,
    );
    expect(body).toContain(events.join(""));
  },
);

test.skipIf(!hasCurl)("HEAD and POST of a watch leave nothing behind (needs curl with HTTP2)", async () => {
  for (const flags of [["--head"], ["-d", ""]]) {
    const { status } = await curl(["--max-time", "10", ...flags, `${server.url}${path}`]);
    expect([200, 404, 405]).toContain(status);
  }
  await until("no watcher is left", async () =>
    (await (await fetch(`${server.url}/metrics`)).text()).includes(
      'converge_ledger_watchers{protocol="sse"} 0',
    ),
  );
});
