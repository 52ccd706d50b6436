import { describe, expect, test } from "bun:test";
import { createClient, createRouterTransport } from "@connectrpc/connect";
import { readFailure } from "../../src/client/failure.ts";
import { limits } from "../../src/core/limits.ts";
import type { Operation } from "../../src/core/metrics.ts";
import { DiscoveryService, GroupChangeKind } from "../../src/gen/converge/ledger/v1/discovery_pb.ts";
import { createDiscoveryService } from "../../src/rpc/discovery-service.ts";
import { observeCalls } from "../../src/rpc/observe-calls.ts";
import { LocalGroups } from "../../src/server/local-groups.ts";
import { fakeCluster, member } from "../support/fake-cluster.ts";
import { LedgerClock } from "../support/ledger-clock.ts";
import { seededRandom } from "../support/ledger-world.ts";
import { until } from "../support/until.ts";

function world() {
  const measured: Operation[] = [];
  const metrics = {
    operation: (operation: Operation) => void measured.push(operation),
    commit: () => {},
    watcher: () => {},
    childRestarted: () => {},
  };
  const clock = new LedgerClock();
  const cluster = fakeCluster({ members: [member("self", { isSelf: true })] });
  const groups = new LocalGroups({ cluster, clock, watchersOf: (id) => (id === "watched" ? 3 : 0) });
  const draining = new AbortController();
  const service = createDiscoveryService({
    groups,
    clock,
    random: seededRandom(1),
    draining: draining.signal,
  });
  const transport = createRouterTransport((router) => void router.service(DiscoveryService, service), {
    router: { interceptors: [observeCalls(metrics)] },
  });
  return { client: createClient(DiscoveryService, transport), groups, measured };
}

type Client = ReturnType<typeof world>["client"];

/** A member whose events are collected until it is told to leave. */
function joined(client: Client, request: Parameters<Client["join"]>[0]) {
  const abort = new AbortController();
  const events: string[] = [];
  const ended = (async () => {
    for await (const { event } of client.join(request, { signal: abort.signal })) {
      if (event.case === "joined")
        events.push(`joined ${event.value.members.map((each) => each.memberId).join()}`);
      else if (event.case === "message")
        events.push(`message ${Buffer.from(event.value.payload).toString()}`);
      else if (event.case === "change") {
        const { kind, member: changed } = event.value;
        events.push(`${GroupChangeKind[kind]} ${changed?.memberId}`);
      } else events.push(event.case ?? "nothing");
    }
  })().catch((error: unknown) => readFailure(error).reason);
  const has = (count: number): Promise<unknown> => until(`${count} events`, () => events.length === count);
  const leave = async (): Promise<void> => {
    abort.abort();
    await ended;
  };
  return { events, has, leave, ended };
}

describe("DiscoveryService", () => {
  test("lets members hear of each other and what is sent, in one order", async () => {
    const { client, measured } = world();
    const a = joined(client, { contextId: "ctx", memberId: "a" });
    await a.has(1);
    const b = joined(client, { contextId: "ctx", memberId: "b" });
    await b.has(1);
    const sent = await client.broadcast({ contextId: "ctx", payload: Buffer.from("1"), fromMemberId: "b" });
    await client.broadcast({ contextId: "ctx", payload: Buffer.from("2") });
    await client.broadcast({ contextId: "other", payload: Buffer.from("3") });
    expect(sent.members).toBe(2);
    await b.has(3);
    await b.leave();
    await a.has(5);
    await a.leave();
    expect(a.events).toEqual(["joined a", "JOINED b", "message 1", "message 2", "LEFT b"]);
    expect(b.events).toEqual(["joined a,b", "message 1", "message 2"]);
    await client.members({ contextId: "ctx" });
    expect(new Set(measured)).toEqual(new Set(["Discovery/Join", "Discovery/Members", "Broadcast"]));
  });

  test("takes one who joins twice for one member", async () => {
    const { client, groups } = world();
    const other = joined(client, { contextId: "ctx", memberId: "z" });
    await other.has(1);
    const first = joined(client, { contextId: "ctx", memberId: "a" });
    await first.has(1);
    const second = joined(client, { contextId: "ctx", memberId: "a" });
    await second.has(1);
    const { members } = await client.broadcast({ contextId: "ctx", payload: Buffer.from("1") });
    expect(members).toBe(2);
    await Promise.all([first.has(2), second.has(2)]);
    await first.leave();
    expect((await groups.view("ctx")).members.map(({ memberId }) => memberId)).toEqual(["a", "z"]);
    await second.leave();
    await other.has(4);
    expect(other.events).toEqual(["joined z", "JOINED a", "message 1", "LEFT a"]);
    await other.leave();
  });

  test("ends the oldest of too many streams of one member", async () => {
    const { client } = world();
    const streams = [];
    for (let n = 0; n <= limits.groupStreamsPerMemberMax; n += 1) {
      const stream = joined(client, { contextId: "ctx", memberId: "a" });
      await stream.has(1);
      streams.push(stream);
    }
    expect(await streams[0]?.ended).toBe("GROUP_MEMBER_REPLACED");
    await Promise.all(streams.slice(1).map((stream) => stream.leave()));
  });

  test("makes an id for who has none, and says with a heartbeat that it is alive", async () => {
    const { client } = world();
    const a = joined(client, { contextId: "ctx", heartbeatMs: 100 });
    await a.has(2);
    expect(a.events).toEqual([expect.stringMatching(/^joined [0-9a-f]{32}$/), "heartbeat"]);
    await a.leave();
  });

  test("tells who serves and who watches", async () => {
    const { client } = world();
    const view = await client.members({ contextId: "watched" });
    const nodeId = "00112233445566778899aabbccddeeff";
    expect(view).toMatchObject({
      members: [],
      servers: [{ nodeId, name: "self", rpcAddress: "127.0.0.1:50051", isHome: true }],
      watchers: [{ nodeId, name: "self", watchers: 3, error: "" }],
    });
  });
});

const long = (bytes: number): string => "x".repeat(bytes);
const refused: [string, (client: Client) => Promise<unknown>, string, string][] = [
  ["no context", (client) => client.members({}), "INVALID_ARGUMENT", "CONTEXT_ID_MISSING"],
  ["a joiner without a context", (client) => first(client, {}), "INVALID_ARGUMENT", "CONTEXT_ID_MISSING"],
  [
    "a long id",
    (client) => first(client, { memberId: long(129) }),
    "INVALID_ARGUMENT",
    "GROUP_MEMBER_ID_INVALID",
  ],
  [
    "an id of two lines",
    (client) => first(client, { memberId: "a\nb" }),
    "INVALID_ARGUMENT",
    "GROUP_MEMBER_ID_INVALID",
  ],
  [
    "a long name",
    (client) => first(client, { name: long(256) }),
    "INVALID_ARGUMENT",
    "GROUP_MEMBER_NAME_INVALID",
  ],
  [
    "too much metadata",
    (client) => first(client, { metadata: { a: long(4096) } }),
    "INVALID_ARGUMENT",
    "GROUP_METADATA_TOO_LONG",
  ],
  [
    "too many pairs",
    (client) =>
      first(client, { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`${n}`, ""])) }),
    "INVALID_ARGUMENT",
    "GROUP_METADATA_TOO_LONG",
  ],
  [
    "a wrong heartbeat",
    (client) => first(client, { heartbeatMs: 1 }),
    "INVALID_ARGUMENT",
    "HEARTBEAT_OUT_OF_RANGE",
  ],
  [
    "a long message",
    (client) => client.broadcast({ contextId: "c", payload: new Uint8Array(65_537) }),
    "RESOURCE_EXHAUSTED",
    "GROUP_PAYLOAD_TOO_LARGE",
  ],
  [
    "a sender who is not there",
    (client) => client.broadcast({ contextId: "c", fromMemberId: "a" }),
    "NOT_FOUND",
    "GROUP_MEMBER_NOT_FOUND",
  ],
];
test.each(refused)("refuses %s", async (_, call, code, reason) => {
  const { client } = world();
  const failure = readFailure(await call(client).catch((error: unknown) => error));
  expect([failure.code, failure.reason]).toEqual([code, reason]);
});

async function first(client: Client, request: Parameters<Client["join"]>[0]): Promise<unknown> {
  const contextId = Object.keys(request).length === 0 ? "" : "c";
  for await (const event of client.join({ contextId, ...request })) return event;
  return undefined;
}
