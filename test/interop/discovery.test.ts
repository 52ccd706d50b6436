/** DiscoveryService and ClusterService as clients of many makes see them. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { clientKinds } from "../support/client-kinds.ts";
import { fakeCluster, member } from "../support/fake-cluster.ts";
import { answerOf, answersOf, errorOf } from "../support/interop-client.ts";
import { type Listening, startListeners } from "../support/ledger-listeners.ts";
import { openClients, type OpenClients } from "../support/open-clients.ts";
import { testEachClient } from "../support/test-each-client.ts";
import { patienceMs, until } from "../support/until.ts";

setDefaultTimeout(2 * patienceMs);

const discovery = "converge.ledger.v1.DiscoveryService";
const cluster = "converge.ledger.v1.ClusterService";
const nodeId = "00112233445566778899aabbccddeeff";
const text = (value: string): string => Buffer.from(value).toString("base64");

let server: Listening;
let clients: OpenClients;

beforeAll(async () => {
  server = await startListeners({ cluster: fakeCluster({ members: [member("a", { isSelf: true })] }) });
  clients = await openClients({
    grpc: `127.0.0.1:${server.grpcPort}`,
    url: `http://127.0.0.1:${server.httpPort}`,
  });
});

afterAll(async () => {
  await clients[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function post(path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${server.httpPort}/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Record<string, unknown>;
}

describe("DiscoveryService", () => {
  testEachClient(
    clientKinds.filter(({ streams }) => streams),
    "lets %s join, hear, and be gone",
    async (kind) => {
      const contextId = `group of ${kind.name}`;
      const stream = answersOf(
        clients.of(kind),
        `${discovery}/Join`,
        { contextId, memberId: "m", name: "me", metadata: { role: "planner" } },
        {
          answersMax: 2,
          onAnswer: (answer) => {
            if ("joined" in answer)
              void post(`${discovery}/Broadcast`, { contextId, payload: text("hello"), fromMemberId: "m" });
          },
        },
      );
      const [joined, heard] = await stream;
      expect(joined).toMatchObject({
        joined: {
          memberId: "m",
          members: [{ memberId: "m", name: "me", metadata: { role: "planner" }, nodeId }],
        },
      });
      expect(heard).toMatchObject({ message: { fromMemberId: "m", payload: text("hello") } });
      await until("it is gone", async () => {
        const { members = [] } = await post(`${discovery}/Members`, { contextId });
        return (members as unknown[]).length === 0;
      });
    },
  );

  testEachClient(clientKinds, "tells %s who is there, and takes messages", async (kind) => {
    const client = clients.of(kind);
    expect(await answerOf(client, `${discovery}/Members`, { contextId: "nobody" })).toEqual({
      servers: [
        {
          nodeId,
          name: "a",
          rpcAddress: "127.0.0.1:50051",
          httpAddress: "127.0.0.1:8080",
          state: "MEMBER_STATE_ALIVE",
          isHome: true,
        },
      ],
    });
    const sent = await answerOf(client, `${discovery}/Broadcast`, {
      contextId: "nobody",
      payload: text("x"),
    });
    expect(sent).toEqual({ id: expect.stringMatching(/^[0-9a-f]{32}$/) });
    const error = await errorOf(client, `${discovery}/Broadcast`, { contextId: "nobody", fromMemberId: "m" });
    expect(error).toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining('no member "m"') });
  });
});

describe("ClusterService", () => {
  testEachClient(clientKinds, "tells %s where copies are", async (kind) => {
    const contextId = `status for ${kind.name}`;
    const client = clients.of(kind);
    const missing = await errorOf(client, `${cluster}/GetContextStatus`, { contextId });
    expect(missing).toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("has no entries") });
    await post("converge.context.v1.ContextService/Append", { contextId, key: "k" });
    const { status } = await answerOf(client, `${cluster}/GetContextStatus`, { contextId });
    expect(status).toMatchObject({
      contextId,
      homeNodeId: nodeId,
      latestSequence: "1",
      committedSequence: "1",
      copiesRequired: 1,
      agreement: "COPIES_AGREEMENT_EQUAL",
      holders: [{ nodeId, name: "a", isHome: true, isSelf: true, copy: { latestSequence: "1" } }],
    });
    const { contexts } = await answerOf(client, `${cluster}/ListContextStatus`, { prefix: contextId });
    expect(contexts).toEqual([
      { contextId, holderNodeIds: [nodeId], homeNodeId: nodeId, latestSequence: "1", committedSequence: "1" },
    ]);
    expect(await answerOf(client, `${cluster}/ListForks`, {})).toEqual({});
  });
});

test("a member that goes without a word is gone", async () => {
  const abort = new AbortController();
  const body = Buffer.from(JSON.stringify({ contextId: "silent", memberId: "m" }));
  const response = await fetch(`http://127.0.0.1:${server.httpPort}/${discovery}/Join`, {
    method: "POST",
    headers: { "content-type": "application/connect+json" },
    body: Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]),
    signal: abort.signal,
  });
  expect(response.status).toBe(200);
  const names = async (): Promise<number> => {
    const { members = [] } = await post(`${discovery}/Members`, { contextId: "silent" });
    return (members as unknown[]).length;
  };
  await until("it is there", async () => (await names()) === 1);
  abort.abort();
  await until("it is gone", async () => (await names()) === 0);
});

test("Members tells how many watch the context", async () => {
  const abort = new AbortController();
  const url = `http://127.0.0.1:${server.httpPort}/v1/contexts/watched/watch`;
  const watches = await Promise.all([1, 2].map(() => fetch(url, { signal: abort.signal })));
  expect(watches.map(({ status }) => status)).toEqual([200, 200]);
  const watchers = async (contextId: string): Promise<unknown> =>
    (await post(`${discovery}/Members`, { contextId }))["watchers"];
  await until("both are counted", async () =>
    Bun.deepEquals(await watchers("watched"), [{ nodeId, name: "a", watchers: 2 }]),
  );
  expect(await watchers("other")).toBeUndefined();
  abort.abort();
  await until("they are gone", async () => (await watchers("watched")) === undefined);
});
