import { describe, expect, test } from "bun:test";
import { toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { LedgerError } from "../../src/core/errors.ts";
import { limits } from "../../src/core/limits.ts";
import type { Operation } from "../../src/core/metrics.ts";
import {
  type Member,
  MembershipService,
  MembersResponseSchema,
  type WatchMembersResponse,
} from "../../src/gen/converge/ledger/v1/membership_pb.ts";
import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import type { Cluster } from "../../src/rpc/cluster.ts";
import { createMembershipService } from "../../src/rpc/membership-service.ts";
import { observeCalls } from "../../src/rpc/observe-calls.ts";
import { shuttingDown } from "../../src/rpc/shutdown.ts";
import { aloneCluster } from "../../src/server/alone-cluster.ts";
import { fakeCluster, keyReport, member, stranger } from "../support/fake-cluster.ts";
import { until } from "../support/until.ts";

function clientOf(cluster: Cluster, draining = new AbortController()) {
  const measured: Operation[] = [];
  const metrics = {
    operation: (operation: Operation) => void measured.push(operation),
    commit: () => {},
    watcher: () => {},
    childRestarted: () => {},
  };
  const service = createMembershipService(cluster, draining.signal);
  const transport = createRouterTransport((router) => void router.service(MembershipService, service), {
    router: { interceptors: [observeCalls(metrics)] },
  });
  return { client: createClient(MembershipService, transport), measured };
}

type Client = ReturnType<typeof clientOf>["client"];

describe("MembershipService asks the cluster and answers what it says:", () => {
  test("Members, with all that a ledger node says of itself, and of others what there is", async () => {
    const cluster = fakeCluster({ members: [member("a", { isSelf: true }), stranger] });
    const { client, measured } = clientOf(cluster);
    expect(toJson(MembersResponseSchema, await client.members({}))).toEqual({
      gossip: {
        on: true,
        address: "127.0.0.1:7946",
        timing: "local",
        encrypted: true,
        label: "blue",
        healthScore: 2,
      },
      members: [
        {
          name: "a",
          state: "MEMBER_STATE_ALIVE",
          isSelf: true,
          incarnation: "1795422402",
          stateSinceNs: "1795422402250000000",
          gossipAddress: "127.0.0.1:7946",
          nodeId: "00112233445566778899aabbccddeeff",
          rpcAddress: "127.0.0.1:50051",
          httpAddress: "127.0.0.1:8080",
          version: "1.2.3",
          logName: "converge.local/a",
          protocolMin: 1,
          protocolMax: 2,
          replicas: 3,
          writeCopies: "WRITE_COPIES_MAJORITY",
        },
        {
          name: "stranger",
          state: "MEMBER_STATE_SUSPECT",
          incarnation: "1795422402",
          stateSinceNs: "1795422402250000000",
          gossipAddress: "[fd00::5]:1",
        },
      ],
    });
    expect(measured).toEqual(["Members"]);
  });

  test("Members of a node that does not gossip: itself", async () => {
    const tags = { version: "1.2.3", rpcAddress: "127.0.0.1:50051" };
    const { client } = clientOf(
      aloneCluster({ self: () => ({ name: "n-1", tags }), sinceMs: 1000, hasOthers: () => false }),
    );
    expect(toJson(MembersResponseSchema, await client.members({}))).toEqual({
      gossip: {},
      members: [
        {
          name: "n-1",
          state: "MEMBER_STATE_ALIVE",
          isSelf: true,
          stateSinceNs: "1000000000",
          ...tags,
        },
      ],
    });
  });

  test("Join, with what each address came to", async () => {
    const outcomes = [
      { address: "10.0.0.5", members: 3, error: undefined },
      { address: "node.example:1", members: 0, error: "no answer" },
    ];
    const cluster = fakeCluster({ outcomes });
    const { client, measured } = clientOf(cluster);
    const answer = await client.join({ addresses: outcomes.map(({ address }) => address) });
    expect(answer.outcomes).toMatchObject([
      { address: "10.0.0.5", members: 3, error: "" },
      { address: "node.example:1", members: 0, error: "no answer" },
    ]);
    expect(cluster.asked).toEqual([["join", ["10.0.0.5", "node.example:1"]]]);
    expect(measured).toEqual(["Join"]);
  });

  test("Leave and ForgetMember", async () => {
    const cluster = fakeCluster();
    const { client, measured } = clientOf(cluster);
    await client.leave({});
    await client.forgetMember({ name: "b" });
    expect(cluster.asked).toEqual([["leave"], ["forget", "b"]]);
    expect(measured).toEqual(["Leave", "ForgetMember"]);
  });

  test("the four calls about keys", async () => {
    const failures = [{ member: "c", error: "no answer" }];
    const cluster = fakeCluster({ report: { ...keyReport, failures } });
    const { client, measured } = clientOf(cluster);
    const id = "0123456789abcdef";
    const reports = [
      await client.listGossipKeys({}),
      await client.addGossipKey({ key: new Uint8Array(24).fill(7) }),
      await client.useGossipKey({ id }),
      await client.removeGossipKey({ id }),
    ];
    for (const report of reports) expect(report).toMatchObject({ keys: keyReport.keys, failures });
    expect(cluster.asked).toEqual([
      ["listKeys"],
      ["addKey", "07".repeat(24)],
      ["useKey", id],
      ["removeKey", id],
    ]);
    expect(measured).toEqual(["ListGossipKeys", "AddGossipKey", "UseGossipKey", "RemoveGossipKey"]);
  });
});

describe("MembershipService refuses", () => {
  const refusals: [what: string, call: (client: Client) => Promise<unknown>, reason: string][] = [
    ["to join nothing", (client) => client.join({}), "JOIN_ADDRESSES_MISSING"],
    [
      "to join too many",
      (client) => client.join({ addresses: Array.from({ length: 65 }, () => "a") }),
      "JOIN_ADDRESSES_TOO_MANY",
    ],
    [
      "to join what is no place",
      (client) => client.join({ addresses: ["a", "b:0"] }),
      "JOIN_ADDRESS_INVALID",
    ],
    [
      "to join a long name",
      (client) => client.join({ addresses: ["x".repeat(1000)] }),
      "JOIN_ADDRESS_INVALID",
    ],
    ["to forget nobody", (client) => client.forgetMember({}), "MEMBER_NAME_MISSING"],
    [
      "to forget a long name",
      (client) => client.forgetMember({ name: "ü".repeat(128) }),
      "MEMBER_NAME_TOO_LONG",
    ],
    ["an empty key", (client) => client.addGossipKey({}), "GOSSIP_KEY_LENGTH"],
    ["a key of 31 bytes", (client) => client.addGossipKey({ key: new Uint8Array(31) }), "GOSSIP_KEY_LENGTH"],
    ["to use no key", (client) => client.useGossipKey({}), "GOSSIP_KEY_ID_INVALID"],
    [
      "to use a key in upper case",
      (client) => client.useGossipKey({ id: "0123456789ABCDEF" }),
      "GOSSIP_KEY_ID_INVALID",
    ],
    ["to remove half a key", (client) => client.removeGossipKey({ id: "01234567" }), "GOSSIP_KEY_ID_INVALID"],
    [
      "heartbeats that are too fast",
      (client) => Array.fromAsync(client.watchMembers({ heartbeatMs: 99 })),
      "HEARTBEAT_OUT_OF_RANGE",
    ],
  ];
  test.each(refusals)("%s, naming field, value, limit and remedy", async (_, call, reason) => {
    const cluster = fakeCluster();
    const error = await failureOf(call(clientOf(cluster).client));
    const [info] = error.findDetails(ErrorInfoSchema);
    expect([error.code, info?.reason]).toEqual([Code.InvalidArgument, reason]);
    expect(Object.keys(info?.metadata ?? {}).sort()).toEqual(["field", "limit", "remedy", "value"]);
    expect(cluster.asked).toEqual([]);
    expect(cluster.listeners.size).toBe(0);
  });

  test("a key without telling it", async () => {
    const key = new Uint8Array(31).fill(0x41);
    const error = await failureOf(clientOf(fakeCluster()).client.addGossipKey({ key }));
    const said =
      error.message + JSON.stringify(error.findDetails(ErrorInfoSchema).map(({ metadata }) => metadata));
    expect(said).not.toContain("A".repeat(4));
    expect(said).not.toContain("41".repeat(4));
    expect(said).not.toContain(key.toBase64().slice(0, 8));
  });

  const commands: [string, (client: Client) => Promise<unknown>][] = [
    ["Join", (client) => client.join({ addresses: ["a"] })],
    ["Leave", (client) => client.leave({})],
    ["ForgetMember", (client) => client.forgetMember({ name: "b" })],
    ["ListGossipKeys", (client) => client.listGossipKeys({})],
    ["AddGossipKey", (client) => client.addGossipKey({ key: new Uint8Array(32) })],
    ["UseGossipKey", (client) => client.useGossipKey({ id: "0123456789abcdef" })],
    ["RemoveGossipKey", (client) => client.removeGossipKey({ id: "0123456789abcdef" })],
  ];
  test.each(commands)("%s on a node that does not gossip, and says how to start it", async (_, call) => {
    const error = await failureOf(
      call(
        clientOf(
          aloneCluster({ self: () => ({ name: "n-1", tags: {} }), sinceMs: 0, hasOthers: () => false }),
        ).client,
      ),
    );
    const [info] = error.findDetails(ErrorInfoSchema);
    expect([error.code, info?.reason]).toEqual([Code.FailedPrecondition, "GOSSIP_OFF"]);
    expect(info?.metadata["remedy"]).toContain("--gossip");
  });

  test.each(commands)("%s in the cluster's words if that refuses it", async (_, call) => {
    const refusal = new LedgerError("NOT_FOUND", "no", { reason: "TEST" });
    const error = await failureOf(call(clientOf(fakeCluster({ refusal })).client));
    expect([error.code, error.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([Code.NotFound, "TEST"]);
  });

  test("commands beyond those that may be on their way, and takes others when they are done", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cluster = fakeCluster({ until: promise });
    const { client } = clientOf(cluster);
    const running = Array.from({ length: limits.clusterCommandsMax }, () => client.listGossipKeys({}));
    await until("all are on their way", () => cluster.asked.length === limits.clusterCommandsMax);
    const error = await failureOf(client.leave({}));
    expect([error.code, error.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([
      Code.Unavailable,
      "OVERLOADED",
    ]);
    resolve();
    await Promise.all(running);
    await client.leave({});
    expect(cluster.asked.at(-1)).toEqual(["leave"]);
  });
});

describe("WatchMembers", () => {
  test("sends the members, then that these were all, then changes", async () => {
    const cluster = fakeCluster();
    const { client, measured } = clientOf(cluster);
    const watch = follow(client);
    expect(await watch.next(3)).toEqual(["member a", "member b", "complete"]);
    cluster.change("joined", member("c"));
    cluster.change("suspected", member("b", { state: "suspect" }));
    expect(await watch.next(2)).toEqual(["JOINED c ALIVE", "SUSPECTED b SUSPECT"]);
    cluster.change("recovered", member("b"));
    expect(await watch.next(1)).toEqual(["RECOVERED b ALIVE"]);
    cluster.change("updated", member("b"));
    expect(await watch.next(1)).toEqual(["UPDATED b ALIVE"]);
    cluster.change("died", member("c", { state: "dead" }));
    cluster.change("left", member("b", { state: "left" }));
    expect(await watch.next(2)).toEqual(["DIED c DEAD", "LEFT b LEFT"]);
    cluster.change("forgotten", member("c", { state: "left" }));
    expect(await watch.next(1)).toEqual(["FORGOTTEN c LEFT"]);
    await watch.end();
    await until("nobody listens", () => cluster.listeners.size === 0);
    expect(measured).toEqual(["WatchMembers"]);
  });

  test("tells of what changes before it was read only after the members as they were", async () => {
    const cluster = fakeCluster();
    const watch = follow(clientOf(cluster).client);
    expect(await watch.next(1)).toEqual(["member a"]);
    cluster.change("died", member("b", { state: "dead" }));
    cluster.change("joined", member("c"));
    cluster.change("forgotten", member("c"));
    expect(await watch.next(3)).toEqual(["member b", "complete", "DIED b DEAD"]);
    await watch.end();
  });

  test("lets go of a client that has gone and asks for nothing more", async () => {
    const cluster = fakeCluster();
    const watch = follow(clientOf(cluster).client);
    await watch.next(3);
    expect(cluster.listeners.size).toBe(1);
    watch.vanish();
    await until("nobody listens", () => cluster.listeners.size === 0);
  });

  test("sends heartbeats in silence, if it is asked to", async () => {
    const cluster = fakeCluster({ members: [] });
    const watch = follow(clientOf(cluster).client, 100);
    expect(await watch.next(3)).toEqual(["complete", "heartbeat", "heartbeat"]);
    cluster.change("joined", member("c"));
    expect(await watch.next(2)).toEqual(["JOINED c ALIVE", "heartbeat"]);
    await watch.end();
  });

  test("ends when the server drains, and says why", async () => {
    const cluster = fakeCluster();
    const draining = new AbortController();
    const { client } = clientOf(cluster, draining);
    const watch = follow(client);
    await watch.next(3);
    draining.abort(shuttingDown());
    const error = await failureOf(watch.next(1));
    expect([error.code, cluster.listeners.size]).toEqual([Code.Unavailable, 0]);
    expect((await failureOf(follow(client).next(1))).code).toBe(Code.Unavailable);
  });

  test("is refused beyond as many as there may be, and possible again when one has ended", async () => {
    const cluster = fakeCluster();
    const { client } = clientOf(cluster);
    const watches = Array.from({ length: limits.memberWatchersMax }, () => follow(client));
    for (const watch of watches) await watch.next(1);
    const error = await failureOf(follow(client).next(1));
    expect([error.code, error.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([
      Code.ResourceExhausted,
      "TOO_MANY_WATCHERS",
    ]);
    watches[0]?.vanish();
    await until("it has ended", () => cluster.listeners.size === limits.memberWatchersMax - 1);
    const again = follow(client);
    expect(await again.next(1)).toEqual(["member a"]);
    for (const watch of [...watches.slice(1), again]) watch.vanish();
  });
});

/** Watches, and reads events as text when it is told to. */
function follow(client: Client, heartbeatMs = 0) {
  const abort = new AbortController();
  const events = client.watchMembers({ heartbeatMs }, { signal: abort.signal })[Symbol.asyncIterator]();
  return {
    async next(count: number): Promise<string[]> {
      const texts: string[] = [];
      while (texts.length < count) {
        const { value, done } = await events.next();
        if (done === true) throw new Error("the watch has ended");
        texts.push(textOf(value));
      }
      return texts;
    },
    /** Goes while it waits for an event. */
    async end(): Promise<void> {
      const next = events.next();
      abort.abort();
      await next.catch(() => {});
    },
    /** Goes without having asked for the next event. */
    vanish: () => abort.abort(),
  };
}

function textOf({ event }: WatchMembersResponse): string {
  switch (event.case) {
    case "member":
      return `member ${event.value.name}`;
    case "change":
      return `${kinds[event.value.kind]} ${event.value.member?.name} ${stateOf(event.value.member)}`;
    default:
      return event.case ?? "nothing";
  }
}

const kinds = ["", "JOINED", "UPDATED", "SUSPECTED", "RECOVERED", "DIED", "LEFT", "FORGOTTEN"];

function stateOf(changed: Member | undefined): string {
  return ["", "ALIVE", "SUSPECT", "DEAD", "LEFT"][changed?.state ?? 0] ?? "";
}

async function failureOf(work: Promise<unknown>): Promise<ConnectError> {
  return await work.then(
    () => new ConnectError("it did not fail", Code.Unknown),
    (reason: unknown) => ConnectError.from(reason),
  );
}
