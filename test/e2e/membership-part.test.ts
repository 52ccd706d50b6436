/** The part of a server that gossips crashes, leaves and comes back, as its cluster sees it. */

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { createSocket } from "node:dgram";
import { encodeMessage } from "../../src/swim/wire/encode-message.ts";
import type { PacketMessage } from "../../src/swim/wire/messages.ts";
import { fetchClient } from "../support/fetch-client.ts";
import { type InProcessServer, startInProcessServer } from "../support/in-process-server.ts";
import { answerOf, type Json } from "../support/interop-client.ts";
import { scrape } from "../support/scrape.ts";
import { patienceMs, until } from "../support/until.ts";

setDefaultTimeout(4 * patienceMs);

const service = "converge.ledger.v1.MembershipService";
const workerUrl = new URL("../../src/store/writer-worker.ts", import.meta.url);
const servers: InProcessServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server[Symbol.asyncDispose]()));
});

/** Starts a node that joins the nodes given. */
async function startNode(name: string, ...others: readonly InProcessServer[]): Promise<InProcessServer> {
  const settings = {
    nodeName: name,
    gossip: "127.0.0.1:0",
    gossipTiming: "local",
    join: others.map(gossipOf),
  };
  const server = await startInProcessServer(workerUrl, settings);
  servers.push(server);
  return server;
}

function gossipOf({ server }: InProcessServer): string {
  return server.gossip?.address ?? "";
}

async function call(server: InProcessServer, method: string, request: Json = {}): Promise<Json> {
  return await answerOf(fetchClient(server.url), `${service}/${method}`, request);
}

/** Returns a member as a node sees it. */
async function seenBy(server: InProcessServer, name: string): Promise<Json | undefined> {
  const { members } = await call(server, "Members");
  return (members as Json[]).find((member) => member["name"] === name);
}

async function isAlive(server: InProcessServer, name: string): Promise<boolean> {
  return (await seenBy(server, name))?.["state"] === "MEMBER_STATE_ALIVE";
}

test("gossip that crashes comes back at its address with a higher incarnation, dead to nobody meanwhile", async () => {
  const a = await startNode("a");
  const b = await startNode("b", a);
  const c = await startNode("c", a);
  for (const observer of [b, c]) await until("a is seen", () => isAlive(observer, "a"));
  const before = await seenBy(b, "a");

  for (let crash = 1; crash <= 3; crash += 1) {
    const { incarnation } = (await seenBy(b, "a")) ?? {};
    expect(a.server.fail("ledger/membership", new Error(`made to crash, ${crash}`))).toBe(true);
    for (const observer of [b, c])
      await until("a has another incarnation", async () => {
        const seen = await seenBy(observer, "a");
        expect(seen?.["state"]).not.toBe("MEMBER_STATE_DEAD");
        return Number(seen?.["incarnation"]) > Number(incarnation) && (await isAlive(observer, "a"));
      });
    for (const name of ["b", "c"]) await until(`${name} is seen again`, () => isAlive(a, name));
  }

  const { incarnation: _, stateSinceNs: __, ...after } = (await seenBy(b, "a")) ?? {};
  expect(before).toMatchObject(after);
  for (const observer of [b, c])
    expect((await scrape(observer.url)).value("converge_ledger_gossip_deaths_total")).toBe(0);
  const restarts = 'converge_ledger_child_restarts_total{child="ledger/membership"}';
  expect((await scrape(a.url)).value(restarts)).toBe(3);
});

test("a node that is accused of the greatest incarnations there are can still come back", async () => {
  const a = await startNode("a");
  const b = await startNode("b", a);
  for (const observer of [a, b]) await until("b is seen", () => isAlive(observer, "b"));
  const liar = createSocket("udp4");
  const port = Number(gossipOf(b).split(":")[1]);
  const say = (message: PacketMessage): void => liar.send(encodeMessage(message), port, "127.0.0.1");
  for (const incarnation of [0xffff_ffff, 0xffff_fff0, 0xffff_ffe0, 0xf000_0000]) {
    say({ kind: "suspect", node: "b", incarnation, from: "liar" });
    say({ kind: "dead", node: "b", incarnation, from: "b" });
  }
  const refused = 'converge_ledger_gossip_refused_total{reason="invalid"}';
  await until("b has heard it", async () => (await scrape(b.url)).value(refused) === 8);
  liar.close();

  const { incarnation } = (await seenBy(a, "b")) ?? {};
  b.server.fail("ledger/membership", new Error("made to crash"));
  await until("b has come back", async () => {
    const seen = await seenBy(a, "b");
    return Number(seen?.["incarnation"]) > Number(incarnation) && seen?.["state"] === "MEMBER_STATE_ALIVE";
  });
});

test("a node that has left joins again once its address is free, after it was not", async () => {
  const a = await startNode("a");
  const b = await startNode("b", a);
  await until("a is seen", () => isAlive(b, "a"));
  const port = Number(gossipOf(b).split(":")[1]);
  await call(b, "Leave");
  const taker = createSocket("udp4");
  await new Promise<void>((resolve) => taker.bind(port, "127.0.0.1", resolve));

  const join = { addresses: [gossipOf(a)] };
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const { error } = await fetchClient(b.url).call(`${service}/Join`, join);
    expect(error?.message).toContain("it is in use");
  }
  expect((await seenBy(b, "b"))?.["state"]).toBe("MEMBER_STATE_LEFT");
  await new Promise<void>((resolve) => taker.close(resolve));

  expect((await call(b, "Join", join))["outcomes"]).toMatchObject([{ members: 2 }]);
  for (const observer of [a, b]) await until("b is back", () => isAlive(observer, "b"));
});

test("a node that is told to leave and to join at the same time can join afterwards, whichever came first", async () => {
  const a = await startNode("a");
  const b = await startNode("b", a);
  await until("a is seen", () => isAlive(b, "a"));
  const client = fetchClient(b.url);
  const join = { addresses: [gossipOf(a)] };
  for (let round = 1; round <= 3; round += 1) {
    const calls = [["Leave", {}] as const, ["Join", join] as const, ["Join", join] as const];
    const outcomes = await Promise.all(
      calls.map(([method, request]) => client.call(`${service}/${method}`, request)),
    );
    expect(outcomes.map(({ error }) => error?.message)).toEqual([undefined, undefined, undefined]);
    expect((await call(b, "Join", join))["outcomes"]).toMatchObject([{ members: 2 }]);
    for (const observer of [a, b]) await until("b is a member", () => isAlive(observer, "b"));
  }
});
