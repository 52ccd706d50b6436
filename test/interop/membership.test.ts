/** MembershipService as clients of many makes see it. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { clientKinds } from "../support/client-kinds.ts";
import { fakeCluster, keyReport, member, stranger } from "../support/fake-cluster.ts";
import { answerOf, answersOf, errorOf } from "../support/interop-client.ts";
import { type Listening, startListeners } from "../support/ledger-listeners.ts";
import { openClients, type OpenClients } from "../support/open-clients.ts";
import { testEachClient } from "../support/test-each-client.ts";
import { patienceMs, until } from "../support/until.ts";

setDefaultTimeout(2 * patienceMs);

const service = "converge.ledger.v1.MembershipService";
const cluster = fakeCluster({
  members: [member("a", { isSelf: true }), stranger],
  outcomes: [{ address: "10.0.0.5", members: 0, error: "no answer" }],
  report: { ...keyReport, failures: [{ member: "b", error: "no answer" }] },
});

let gossiping: Listening;
let alone: Listening;
let clients: OpenClients;
let clientsOfAlone: OpenClients;

beforeAll(async () => {
  gossiping = await startListeners({ cluster });
  alone = await startListeners();
  clients = await openClients(targetOf(gossiping));
  clientsOfAlone = await openClients(targetOf(alone));
});

afterAll(async () => {
  await clients[Symbol.asyncDispose]();
  await clientsOfAlone[Symbol.asyncDispose]();
  await gossiping[Symbol.asyncDispose]();
  await alone[Symbol.asyncDispose]();
});

describe("MembershipService", () => {
  testEachClient(clientKinds, "tells %s the members", async (kind) => {
    const { gossip, members } = await answerOf(clients.of(kind), `${service}/Members`, {});
    expect(gossip).toEqual({
      on: true,
      address: "127.0.0.1:7946",
      timing: "local",
      encrypted: true,
      label: "blue",
      healthScore: 2,
    });
    expect(members).toMatchObject([
      {
        name: "a",
        state: "MEMBER_STATE_ALIVE",
        isSelf: true,
        version: "1.2.3",
        stateSinceNs: "1795422402250000000",
      },
      { name: "stranger", state: "MEMBER_STATE_SUSPECT", gossipAddress: "[fd00::5]:1" },
    ]);
  });

  testEachClient(clientKinds, "takes commands of %s", async (kind) => {
    const client = clients.of(kind);
    const report = {
      keys: [{ id: "0123456789abcdef", members: ["a", "b"], primaryOf: ["a"] }],
      failures: [{ member: "b", error: "no answer" }],
    };
    expect(await answerOf(client, `${service}/Join`, { addresses: ["10.0.0.5"] })).toEqual({
      outcomes: [{ address: "10.0.0.5", error: "no answer" }],
    });
    expect(await answerOf(client, `${service}/Leave`, {})).toEqual({});
    expect(await answerOf(client, `${service}/ForgetMember`, { name: "b" })).toEqual({});
    expect(await answerOf(client, `${service}/ListGossipKeys`, {})).toEqual(report);
    const key = Buffer.alloc(32, 1).toString("base64");
    expect(await answerOf(client, `${service}/AddGossipKey`, { key })).toEqual(report);
    for (const method of ["UseGossipKey", "RemoveGossipKey"])
      expect(await answerOf(client, `${service}/${method}`, { id: "0123456789abcdef" })).toEqual(report);
  });

  testEachClient(
    clientKinds,
    "refuses %s what cannot be, and everything of a node that does not gossip",
    async (kind) => {
      expect(await errorOf(clients.of(kind), `${service}/AddGossipKey`, { key: "AAAA" })).toMatchObject({
        code: "INVALID_ARGUMENT",
        message: "key is 3 bytes, not 16, 24, 32; send 32 random bytes",
      });
      expect(await errorOf(clientsOfAlone.of(kind), `${service}/Leave`, {})).toMatchObject({
        code: "FAILED_PRECONDITION",
        message: expect.stringContaining("start it with --gossip HOST:PORT"),
      });
      const { members } = await answerOf(clientsOfAlone.of(kind), `${service}/Members`, {});
      expect(members).toMatchObject([{ name: "n-1", isSelf: true }]);
    },
  );

  testEachClient(
    clientKinds.filter(({ streams }) => streams),
    "is watched by %s",
    async (kind) => {
      const name = `new-${kind.name}`;
      const watch = answersOf(
        clients.of(kind),
        `${service}/WatchMembers`,
        {},
        {
          answersMax: cluster.members().length + 2,
          onAnswer: (answer) => {
            if ("complete" in answer) cluster.change("joined", member(name));
          },
        },
      );
      const answers = await watch;
      cluster.change("forgotten", member(name));
      expect(answers).toMatchObject([
        { member: { name: "a" } },
        { member: { name: "stranger" } },
        { complete: {} },
        { change: { kind: "MEMBER_CHANGE_KIND_JOINED", member: { name } } },
      ]);
      await until("its watch has ended", () => cluster.listeners.size === 0);
    },
  );
});

test("a watch of one who goes without a word ends", async () => {
  const abort = new AbortController();
  const frame = Buffer.from([0, 0, 0, 0, 2, 0x7b, 0x7d]);
  const response = await fetch(`http://127.0.0.1:${gossiping.httpPort}/${service}/WatchMembers`, {
    method: "POST",
    headers: { "content-type": "application/connect+json" },
    body: frame,
    signal: abort.signal,
  });
  expect(response.status).toBe(200);
  await until("it watches", () => cluster.listeners.size === 1);
  abort.abort();
  await until("it watches no more", () => cluster.listeners.size === 0);
});

function targetOf({ grpcPort, httpPort }: Listening) {
  return { grpc: `127.0.0.1:${grpcPort}`, url: `http://127.0.0.1:${httpPort}` };
}
