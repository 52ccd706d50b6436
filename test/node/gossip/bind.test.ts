import { describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { LedgerError } from "../../../src/core/errors.ts";
import { bindBoth } from "../../../src/node/gossip/bind.ts";
import { createGossipCounters } from "../../../src/node/gossip/gossip-counters.ts";
import { TcpStreams } from "../../../src/node/gossip/tcp-streams.ts";
import { UdpSocket } from "../../../src/node/gossip/udp-socket.ts";
import type { Endpoint } from "../../../src/swim/endpoint.ts";
import { endpoint } from "./loopback.ts";

const ignore = (): void => undefined;

async function bind(local: Endpoint): Promise<{ port: number; close(): Promise<void> }> {
  const counters = createGossipCounters();
  const events = { onOpened: ignore, onData: ignore, onEnded: ignore };
  const { udp, tcp } = await bindBoth({
    local,
    openUdp: (at) => UdpSocket.open({ local: at, counters, onPacket: ignore, onDied: ignore }),
    openTcp: (at) =>
      TcpStreams.open({ local: at, timeoutMs: 1, after: () => ignore, counters, events, onDied: ignore }),
    closeTcp: (opened) => opened.stop(),
  });
  expect(udp.port).toBe(tcp.port);
  return {
    port: udp.port,
    close: async () => {
      await Promise.all([udp.close(), tcp.stop()]);
    },
  };
}

function refusal(reason: string, pattern: RegExp): unknown {
  return expect.objectContaining({
    constructor: LedgerError,
    code: "FAILED_PRECONDITION",
    message: expect.stringMatching(pattern),
    facts: expect.objectContaining({
      reason,
      value: expect.any(String),
      remedy: expect.stringContaining("--gossip"),
    }),
  });
}

describe("bindBoth()", () => {
  test("finds one port for both, and frees it", async () => {
    const bound = await bind(endpoint("127.0.0.1", 0));
    await bound.close();
    const again = await bind(endpoint("127.0.0.1", bound.port));
    expect(again.port).toBe(bound.port);
    await again.close();
  });

  test("says that TCP is in use", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await expect(bind(endpoint("127.0.0.1", port))).rejects.toEqual(
      refusal("GOSSIP_ADDRESS_IN_USE", new RegExp(`--gossip 127\\.0\\.0\\.1:${port} for TCP: it is in use`)),
    );
    server.close();
  });

  test("says that UDP is in use, and leaves TCP free", async () => {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    const { port } = socket.address();
    await expect(bind(endpoint("127.0.0.1", port))).rejects.toEqual(
      refusal("GOSSIP_ADDRESS_IN_USE", new RegExp(`--gossip 127\\.0\\.0\\.1:${port} for UDP: it is in use`)),
    );
    await new Promise<void>((resolve) => socket.close(resolve));
    await (await bind(endpoint("127.0.0.1", port))).close();
  });

  test("says that an address is not of this machine", async () => {
    await expect(bind(endpoint("203.0.113.9", 0))).rejects.toEqual(
      refusal("GOSSIP_ADDRESS_UNUSABLE", /--gossip 203\.0\.113\.9:0 for TCP: .*EADDRNOTAVAIL/),
    );
  });

  const taken = Object.assign(new Error("bind EADDRINUSE"), { code: "EADDRINUSE" });

  test("goes on to the next port if one is free for one of them only", async () => {
    const closed: number[] = [];
    let last = 100;
    const { udp, tcp } = await bindBoth({
      local: endpoint("127.0.0.1", 0),
      openTcp: async () => ({ port: (last += 1) }),
      openUdp: async ({ port }) => {
        if (port < 105) throw taken;
        return { port };
      },
      closeTcp: async ({ port }) => void closed.push(port),
    });
    expect([udp.port, tcp.port, closed]).toEqual([105, 105, [101, 102, 103, 104]]);
  });

  test("gives up in the end, with nothing open", async () => {
    let open = 0;
    const binding = bindBoth({
      local: endpoint("127.0.0.1", 0),
      openTcp: async () => ({ port: (open += 1) }),
      openUdp: async () => await Promise.reject<{ port: number }>(taken),
      closeTcp: async () => void (open -= 1),
    });
    await expect(binding).rejects.toEqual(refusal("GOSSIP_ADDRESS_IN_USE", /for UDP/));
    expect(open).toBe(0);
  });
});
