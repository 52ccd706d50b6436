/**
 * The driver with the real machine: sockets, timers and bytes, on addresses of this machine alone.
 *
 * @module
 */

import { afterEach, describe, expect, test } from "bun:test";
import { formatEndpoint } from "../../../src/node/gossip/endpoint-text.ts";
import { GossipDriver } from "../../../src/node/gossip/gossip-driver.ts";
import { nodeCipher } from "../../../src/node/gossip/node-cipher.ts";
import { Swim } from "../../../src/swim/swim.ts";
import { type Timing, timingProfiles } from "../../../src/swim/timing.ts";
import { emptyKeyring, keyringOf } from "../../../src/swim/wire/keyring.ts";
import { until } from "../../support/until.ts";
import { hasIpv6 } from "./loopback.ts";

/** Of a cluster in a hurry. */
const timing: Timing = {
  ...timingProfiles.local,
  probeIntervalMs: 100,
  probeTimeoutMs: 40,
  gossipIntervalMs: 20,
  reconnectIntervalMs: 200,
};

interface Node {
  readonly driver: GossipDriver;
  readonly swim: Swim;
  readonly received: string[];
  /** Names of members with their states. */
  view(): Record<string, string>;
}

const nodes: Node[] = [];

async function startNode(name: string, host: string, keys?: readonly Uint8Array[]): Promise<Node> {
  const made: Swim[] = [];
  const received: string[] = [];
  const driver = await GossipDriver.start({
    gossip: { host, port: 0 },
    advertise: undefined,
    streamTimeoutMs: timing.streamTimeoutMs,
    createMachine: (endpoint) => {
      const swim = new Swim({
        name,
        endpoint,
        meta: new Uint8Array(),
        incarnation: Math.floor(Date.now() / 1000),
        timing,
        label: "test",
        keyring: keys === undefined ? emptyKeyring : keyringOf(keys),
        cipher: nodeCipher,
        random: {
          below: (bound) => Math.floor(Math.random() * bound),
          fill: (target) => void crypto.getRandomValues(target as Uint8Array<ArrayBuffer>),
        },
      });
      made.push(swim);
      return swim;
    },
    onMember: () => undefined,
    onNotice: () => undefined,
    onUserMessage: ({ bytes, reliable }) => received.push(`${Buffer.from(bytes).toString()} ${reliable}`),
    seedPace: { retryMsMin: 20, retryMsMax: 100, refreshMs: 200 },
  });
  const [swim] = made;
  if (swim === undefined) throw new Error("a driver that has started made its machine");
  const view = (): Record<string, string> =>
    Object.fromEntries(swim.members().map((member) => [member.name, member.state]));
  const node = { driver, swim, received, view };
  nodes.push(node);
  return node;
}

afterEach(async () => {
  await Promise.all(nodes.splice(0).map(async ({ driver }) => await driver.stop()));
});

async function agree(some: readonly Node[], view: Readonly<Record<string, string>>): Promise<void> {
  await until(`everybody sees ${JSON.stringify(view)}`, () =>
    some.every((node) => Bun.deepEquals(node.view(), view)),
  );
}

const addressOf = ({ driver }: Node): string => formatEndpoint(driver.bound);

describe("GossipDriver with Swim", () => {
  test("nodes find each other, speak, part, and miss one that is gone", async () => {
    const keys = [new Uint8Array(32).fill(200)];
    const a = await startNode("a", "127.0.0.1", keys);
    const b = await startNode("b", "127.0.0.2", keys);
    const c = await startNode("c", "127.0.0.3", keys);
    const d = await startNode("d", "127.0.0.4", keys);
    const seeds = [addressOf(a), addressOf(b)];
    for (const node of [a, b, c, d]) node.driver.setSeeds(seeds);
    await agree([a, b, c, d], { a: "alive", b: "alive", c: "alive", d: "alive" });

    a.driver.command({ kind: "broadcast", bytes: Buffer.from("by gossip") });
    await until("a message by gossip", () =>
      [b, c, d].some(({ received }) => received.includes("by gossip false")),
    );
    const long = "x".repeat(300_000);
    a.driver.command({ kind: "send-user", to: "d", bytes: Buffer.from(long) });
    await until("a message for one", () => d.received.includes(`${long} true`));

    expect(await c.driver.depart("leave", 30_000)).toBe(true);
    await c.driver.stop();
    await agree([a, b, d], { a: "alive", b: "alive", c: "left", d: "alive" });

    await d.driver.stop();
    await agree([a, b], { a: "alive", b: "alive", c: "left", d: "dead" });
    expect([a, b].map(({ driver }) => driver.counters.streamsRefused)).toEqual([0, 0]);
  }, 60_000);

  test("tells why a join fails: nobody there, another key", async () => {
    const a = await startNode("a", "127.0.0.1", [new Uint8Array(16).fill(1)]);
    const b = await startNode("b", "127.0.0.2", [new Uint8Array(16).fill(2)]);
    const gone = await startNode("gone", "127.0.0.3");
    await gone.driver.stop();
    const outcomes = await b.driver.join([addressOf(a), addressOf(gone)], new AbortController().signal);
    expect(outcomes).toEqual([
      { address: addressOf(a), members: 0, error: expect.stringMatching(/key/) },
      { address: addressOf(gone), members: 0, error: expect.stringMatching(/ECONNREFUSED/) },
    ]);
    expect(b.view()).toEqual({ b: "alive" });
  });

  test.if(hasIpv6)("nodes find each other over IPv6", async () => {
    const a = await startNode("a", "::1");
    const b = await startNode("b", "::1");
    expect(await b.driver.join([addressOf(a)], new AbortController().signal)).toEqual([
      { address: addressOf(a), members: expect.any(Number), error: undefined },
    ]);
    await agree([a, b], { a: "alive", b: "alive" });
    const before = a.driver.counters.packetsIn;
    await until("probes", () => a.driver.counters.packetsIn > before + 4);
    expect([a.view(), a.driver.counters.sendErrors]).toEqual([{ a: "alive", b: "alive" }, 0]);
  });
});
