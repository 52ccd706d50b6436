import { afterEach, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { limits } from "../../../src/core/limits.ts";
import { formatEndpoint } from "../../../src/node/gossip/endpoint-text.ts";
import { createGossipCounters } from "../../../src/node/gossip/gossip-counters.ts";
import { UdpSocket } from "../../../src/node/gossip/udp-socket.ts";
import type { Endpoint } from "../../../src/swim/endpoint.ts";
import { until } from "../../support/until.ts";
import { endpoint, hasIpv6 } from "./loopback.ts";

interface Opened {
  readonly udp: UdpSocket;
  readonly at: Endpoint;
  readonly counters: ReturnType<typeof createGossipCounters>;
  readonly packets: { from: string; bytes: Uint8Array }[];
  readonly died: Error[];
}

const opened: Opened[] = [];

async function open(host = "127.0.0.1", port = 0): Promise<Opened> {
  const counters = createGossipCounters();
  const packets: Opened["packets"] = [];
  const died: Error[] = [];
  const udp = await UdpSocket.open({
    local: endpoint(host, port),
    counters,
    onPacket: (from, bytes) => packets.push({ from: formatEndpoint(from), bytes }),
    onDied: (error) => died.push(error),
  });
  const one = { udp, at: endpoint(host, udp.port), counters, packets, died };
  opened.push(one);
  return one;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map(async ({ udp }) => await udp.close()));
});

/** A port that was free a moment ago. */
async function deadEndpoint(host = "127.0.0.1"): Promise<Endpoint> {
  const { udp, at } = await open(host);
  await udp.close();
  return at;
}

describe("UdpSocket", () => {
  test("sends to a live peer right after a dead one, 200 of 200", async () => {
    const [sender, live, dead] = [await open(), await open(), await deadEndpoint()];
    for (let index = 0; index < 200; index += 1) {
      sender.udp.send(dead, Uint8Array.of(0));
      sender.udp.send(live.at, Uint8Array.of(index));
    }
    await until("all packets", () => live.packets.length === 200);
    expect(live.packets.map(({ bytes }) => bytes[0])).toEqual(
      Array.from({ length: 200 }, (_, index) => index),
    );
    expect(sender.died).toEqual([]);
  });

  test("sends to a live peer between dead ones with a turn of the event loop between, 200 of 200", async () => {
    const [sender, live, dead] = [await open(), await open(), await deadEndpoint()];
    for (let index = 0; index < 200; index += 1) {
      sender.udp.send(dead, Uint8Array.of(0));
      await new Promise((resolve) => setImmediate(resolve));
      sender.udp.send(live.at, Uint8Array.of(index));
    }
    await until("all packets", () => live.packets.length === 200);
  });

  test("keeps a burst of 3,000 packets that comes while the event loop is blocked", async () => {
    const { udp, packets } = await open();
    const sent = Bun.spawnSync([
      process.execPath,
      join(import.meta.dir, "send-burst.ts"),
      String(udp.port),
      "3000",
      "1400",
    ]);
    expect(sent.exitCode).toBe(0);
    const systemMax = Number(readFileSync("/proc/sys/net/core/rmem_max", "latin1"));
    // Less where the system gives less; it counts each packet with what it adds.
    const expected = systemMax >= 4 << 20 ? 3000 : Math.floor(systemMax / 4096);
    await until("the burst", () => packets.length >= expected);
    expect(packets.slice(0, expected).map(({ bytes }) => Buffer.from(bytes).readUInt32BE())).toEqual(
      Array.from({ length: expected }, (_, index) => index),
    );
    expect(udp.receiveBufferBytes).toBeGreaterThan(212_992);
  });

  test("hands over bytes of its own, with the address they came from", async () => {
    const [one, other] = [await open("127.0.0.2"), await open("127.0.0.3")];
    one.udp.send(other.at, Uint8Array.of(1, 2, 3));
    one.udp.send(other.at, new Uint8Array(limits.gossipPacketBytesMax).fill(7));
    await until("both packets", () => other.packets.length === 2);
    const [first, second] = other.packets;
    expect(first).toEqual({ from: formatEndpoint(one.at), bytes: Uint8Array.of(1, 2, 3) });
    expect(first?.bytes.buffer.byteLength).toBe(3);
    expect(second?.bytes).toHaveLength(limits.gossipPacketBytesMax);
    expect(one.counters).toMatchObject({ packetsOut: 2, bytesOut: 65_510, sendErrors: 0 });
    expect(other.counters).toMatchObject({ packetsIn: 2, bytesIn: 65_510 });
  });

  test.each([
    ["port 0", endpoint("127.0.0.1", 0), 1],
    ["an address of another kind", endpoint("::1", 9), 1],
    ["a packet that is too large", endpoint("127.0.0.1", 9), 65_508],
    ["an address that loopback cannot reach", endpoint("203.0.113.9", 9), 1],
  ])("counts %s and goes on", async (_, to, length) => {
    const [sender, live] = [await open(), await open()];
    sender.udp.send(to, new Uint8Array(length));
    sender.udp.send(live.at, Uint8Array.of(1));
    await until("the packet after it", () => live.packets.length === 1);
    await until("the error", () => sender.counters.sendErrors === 1);
    expect(sender.counters.packetsOut).toBe(1);
    expect(sender.died).toEqual([]);
  });

  test("drops what the system does not take in time", async () => {
    // A socket that takes packets and never says that it has sent them.
    const real = createSocket("udp4");
    await new Promise<void>((resolve) => real.bind(0, "127.0.0.1", resolve));
    const counters = createGossipCounters();
    let given = 0;
    real.send = () => (given += 1);
    const options = { local: endpoint("127.0.0.1", 0), counters, onPacket: () => 0, onDied: () => 0 };
    const udp = new UdpSocket(real, options);
    for (let index = 0; index < limits.gossipPacketsUnsentMax + 5; index += 1)
      udp.send(endpoint("127.0.0.1", 9), Uint8Array.of(1));
    expect([given, counters.sendErrors]).toEqual([limits.gossipPacketsUnsentMax, 5]);
    await udp.close();
  });

  test("tells when the system closes it, and not when it is closed", async () => {
    const real = createSocket("udp4");
    await new Promise<void>((resolve) => real.bind(0, "127.0.0.1", resolve));
    const died: Error[] = [];
    const counters = createGossipCounters();
    const udp = new UdpSocket(real, {
      local: endpoint("127.0.0.1", 0),
      counters,
      onPacket: () => undefined,
      onDied: (error) => died.push(error),
    });
    await new Promise<void>((resolve) => real.close(resolve));
    await until("the death", () => died.length === 1);
    await udp.close();
    const closed = await open();
    await closed.udp.close();
    await closed.udp.close();
    closed.udp.send(endpoint("127.0.0.1", 9), Uint8Array.of(1));
    expect([closed.died, closed.counters.sendErrors]).toEqual([[], 0]);
  });

  test("frees its port, and refuses one that is taken", async () => {
    const { udp } = await open();
    await expect(open("127.0.0.1", udp.port)).rejects.toMatchObject({ code: "EADDRINUSE" });
    await expect(open("0.0.0.0", udp.port)).rejects.toMatchObject({ code: "EADDRINUSE" });
    await udp.close();
    expect((await open("127.0.0.1", udp.port)).udp.port).toBe(udp.port);
  });
});

describe.if(hasIpv6)("UdpSocket with IPv6", () => {
  test("reaches a live peer right after a dead one, 200 of 200", async () => {
    const [sender, live, dead] = [await open("::1"), await open("::1"), await deadEndpoint("::1")];
    for (let index = 0; index < 200; index += 1) {
      sender.udp.send(dead, Uint8Array.of(0));
      sender.udp.send(live.at, Uint8Array.of(index));
    }
    await until("all packets", () => live.packets.length === 200);
    expect(live.packets[0]?.from).toBe(formatEndpoint(sender.at));
  });

  test("on every address speaks IPv4 too, without mapped addresses", async () => {
    const [both, ipv4] = [await open("::"), await open()];
    ipv4.udp.send(endpoint("127.0.0.1", both.udp.port), Uint8Array.of(1));
    await until("the packet", () => both.packets.length === 1);
    expect(both.packets[0]?.from).toBe(formatEndpoint(ipv4.at));
    both.udp.send(ipv4.at, Uint8Array.of(2));
    await until("the answer", () => ipv4.packets.length === 1);
    expect(ipv4.packets[0]?.from).toBe(`127.0.0.1:${both.udp.port}`);
  });
});
