import { afterEach, describe, expect, test } from "bun:test";
import { connect, createServer, type Server, type Socket } from "node:net";
import { limits } from "../../../src/core/limits.ts";
import { formatEndpoint } from "../../../src/node/gossip/endpoint-text.ts";
import { createGossipCounters } from "../../../src/node/gossip/gossip-counters.ts";
import { StallClock } from "../../../src/node/gossip/stall-clock.ts";
import { type OnPeerConnection, TcpStreams } from "../../../src/node/gossip/tcp-streams.ts";
import { Timers } from "../../../src/node/gossip/timers.ts";
import type { Endpoint } from "../../../src/swim/endpoint.ts";
import { until } from "../../support/until.ts";
import { endpoint, hasIpv6 } from "./loopback.ts";

interface Opened {
  readonly tcp: TcpStreams;
  readonly at: Endpoint;
  readonly counters: ReturnType<typeof createGossipCounters>;
  /** What happened, as text. */
  readonly events: string[];
  /** What came in on each stream. */
  readonly received: Map<number, number>;
}

interface Behaviour {
  readonly timeoutMs?: number;
  readonly onPeerConnection?: OnPeerConnection;
  /** Called with all bytes of a stream so far. */
  readonly onBytes?: (tcp: TcpStreams, stream: number, total: number, bytes: Uint8Array) => void;
}

const timers = new Timers(new StallClock(() => performance.now()));
const closing: (() => Promise<void> | void)[] = [];

async function open(
  host = "127.0.0.1",
  { timeoutMs = 20_000, onBytes, onPeerConnection }: Behaviour = {},
): Promise<Opened> {
  const counters = createGossipCounters();
  const events: string[] = [];
  const received = new Map<number, number>();
  const tcp: TcpStreams = await TcpStreams.open({
    local: endpoint(host, 0),
    timeoutMs,
    after: (afterMs, ring) => timers.after(afterMs, ring),
    counters,
    events: {
      onOpened: (stream, from) => {
        events.push(`${stream} from ${formatEndpoint(from).replace(/:\d+$/, "")}`);
      },
      onData: (stream, bytes) => {
        const total = (received.get(stream) ?? 0) + bytes.length;
        received.set(stream, total);
        onBytes?.(tcp, stream, total, bytes);
      },
      onEnded: (stream, error) => events.push(`${stream} ended: ${error ?? "well"}`),
    },
    onPeerConnection,
    onDied: (error) => events.push(`died: ${error.message}`),
  });
  closing.push(() => tcp.stop());
  return { tcp, at: endpoint(host, tcp.port), counters, events, received };
}

/** A peer of another make. */
async function listen(onSocket: (socket: Socket) => void): Promise<Endpoint> {
  const sockets: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return endpoint("127.0.0.1", (server.address() as { port: number }).port);
}

function dial({ at }: Pick<Opened, "at">): Socket {
  const socket = connect({ host: "127.0.0.1", port: at.port, allowHalfOpen: true });
  socket.on("error", () => undefined);
  closing.push(() => void socket.destroy());
  return socket;
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
}

afterEach(async () => {
  await Promise.all(closing.splice(0).map(async (close) => await close()));
});

describe("TcpStreams", () => {
  test("carry a request and its answer, and both sides close", async () => {
    const server = await open("127.0.0.3", {
      onBytes: (tcp, stream, total) => {
        if (total < 5) return;
        tcp.write(stream, Uint8Array.of(8, 8));
        tcp.write(stream, Uint8Array.of(9));
        tcp.close(stream);
        tcp.write(stream, Uint8Array.of(1, 1, 1, 1));
      },
    });
    const client = await open("127.0.0.2");
    client.tcp.connect(7, server.at, Uint8Array.of(1, 2, 3), 5000);
    client.tcp.write(7, Uint8Array.of(4, 5));
    await until("the answer and its end", () => client.events.length === 1);
    expect(client.events).toEqual(["7 ended: well"]);
    expect(client.received.get(7)).toBe(3);
    expect(server.events).toEqual(["-1 from 127.0.0.2"]);
    expect(server.received.get(-1)).toBe(5);
    expect(client.counters).toMatchObject({ streamsOut: 1, streamsIn: 0, streamErrors: 0 });
    expect(server.counters).toMatchObject({ streamsOut: 0, streamsIn: 1, streamErrors: 0 });
  });

  test("name streams of others with negative numbers, each with its own", async () => {
    const server = await open();
    for (let index = 0; index < 3; index += 1) dial(server).write("x");
    await until("three streams", () => server.received.size === 3);
    expect(new Set(server.received.keys())).toEqual(new Set([-1, -2, -3]));
  });

  test("that are opened and closed at once still send what they were opened with", async () => {
    const chunks: Buffer[] = [];
    let isEnded = false;
    const peer = await listen((socket) => {
      socket.on("data", (bytes) => chunks.push(bytes as Buffer));
      socket.on("end", () => (isEnded = true));
    });
    const client = await open();
    client.tcp.connect(1, peer, new Uint8Array(300_000).fill(7), 5000);
    client.tcp.close(1);
    await until("all of it", () => isEnded);
    expect(Buffer.concat(chunks)).toEqual(Buffer.alloc(300_000, 7));
    expect(client.events).toEqual([]);
  });

  test("send all they were given to a peer that reads slowly, before they close", async () => {
    const bytes = 6 << 20;
    const server = await open("127.0.0.1", {
      onBytes: (tcp, stream) => {
        tcp.write(stream, new Uint8Array(bytes));
        tcp.close(stream);
      },
    });
    const socket = dial(server);
    socket.write("x");
    let received = 0;
    socket.on("data", (chunk) => {
      received += chunk.length;
      socket.pause();
      setImmediate(() => socket.resume());
    });
    await new Promise((resolve) => socket.once("end", resolve));
    expect(received).toBe(bytes);
  });

  test("end well when the other side ends, and still send what was written", async () => {
    const server = await open("127.0.0.1", {
      onBytes: (tcp, stream) => tcp.write(stream, Uint8Array.of(1)),
    });
    const socket = dial(server);
    const answer: number[] = [];
    socket.on("data", (bytes) => answer.push(...(bytes as Buffer)));
    socket.end("x");
    await closed(socket);
    expect(answer).toEqual([1]);
    expect(server.events).toEqual(["-1 from 127.0.0.1", "-1 ended: well"]);
  });

  test("that cannot be opened end, each once", async () => {
    const client = await open();
    const gone = await open();
    await gone.tcp.stop();
    client.tcp.connect(1, gone.at, Uint8Array.of(1), 5000);
    client.tcp.connect(2, endpoint("127.0.0.1", 0), Uint8Array.of(1), 5000);
    client.tcp.connect(3, endpoint("203.0.113.9", 9), Uint8Array.of(1), 5000);
    await until("the ends", () => client.events.length === 3);
    expect(client.events.toSorted()).toEqual([
      expect.stringMatching(/^1 ended: .*ECONNREFUSED/),
      expect.stringMatching(/^2 ended: ./),
      expect.stringMatching(/^3 ended: ./),
    ]);
    expect(client.counters.streamErrors).toBe(3);
  });

  test("that break end with an error", async () => {
    const server = await open();
    const socket = dial(server);
    socket.write("x");
    await until("the stream", () => server.received.size === 1);
    socket.resetAndDestroy();
    await until("its end", () => server.events.length === 2);
    expect(server.events[1]).toMatch(/^-1 ended: .*(?:ECONNRESET|closed)/);
    expect(server.counters.streamErrors).toBe(1);
  });

  test("that were closed are heard of no more", async () => {
    const server = await open("127.0.0.1", { onBytes: (tcp, stream) => tcp.close(stream) });
    const socket = dial(server);
    const more = setInterval(() => socket.write("more"), 1);
    socket.on("close", () => clearInterval(more));
    await closed(socket);
    expect(server.received.get(-1)).toBeLessThan(10);
    expect(server.events).toEqual(["-1 from 127.0.0.1"]);
  });

  test("stop: nothing is heard any more, all sockets are cut, and the port is free", async () => {
    const server = await open();
    const sockets = Array.from({ length: 5 }, () => dial(server));
    for (const socket of sockets) {
      socket.on("end", () => socket.end()).resume();
      socket.write("x");
    }
    await until("all streams", () => server.received.size === 5);
    const before = server.events.length;
    await Promise.all([server.tcp.stop(), server.tcp.stop()]);
    await Promise.all(sockets.map(closed));
    server.tcp.connect(1, server.at, Uint8Array.of(1), 5000);
    expect(server.events.length).toBe(before);
    const again = createServer();
    await new Promise<void>((resolve, reject) => {
      again.on("error", reject);
      again.listen(server.tcp.port, "127.0.0.1", resolve);
    });
    again.close();
  });
});

describe("TcpStreams bound", () => {
  test("the time of an exchange that somebody draws out byte by byte", async () => {
    const server = await open("127.0.0.1", { timeoutMs: 300 });
    const socket = dial(server);
    const startMs = performance.now();
    const drip = setInterval(() => socket.write("x"), 20);
    socket.on("close", () => clearInterval(drip));
    await closed(socket);
    expect(performance.now() - startMs).toBeWithin(290, 3000);
    expect(server.events[1]).toBe("-1 ended: the stream took longer than 300 ms");
    expect(server.received.get(-1)).toBeGreaterThan(2);
  });

  test("the time of an exchange with a peer that never answers, or never reads", async () => {
    const peer = await listen((socket) => socket.pause());
    const client = await open();
    client.tcp.connect(1, peer, new Uint8Array(4 << 20), 200);
    client.tcp.connect(2, peer, Uint8Array.of(1), 200);
    // Its good-bye is not read either; it must not wait for ever.
    client.tcp.connect(3, peer, new Uint8Array(8 << 20), 200);
    client.tcp.close(3);
    await until("the ends", () => client.events.length === 2);
    expect(client.events.toSorted()).toEqual([
      "1 ended: the stream took longer than 200 ms",
      "2 ended: the stream took longer than 200 ms",
    ]);
    await client.tcp.stop();
  });

  test("what a stream may send", async () => {
    const server = await open();
    const socket = dial(server);
    const chunk = Buffer.alloc(1 << 20);
    const send = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on("drain", send);
    socket.on("connect", send);
    await closed(socket);
    const [, ended] = server.events;
    expect(ended).toBe(`-1 ended: the stream sent more than ${limits.gossipStreamBytesMax} bytes`);
    expect(server.received.get(-1)).toBeWithin(
      limits.gossipStreamBytesMax - (1 << 20),
      limits.gossipStreamBytesMax + 2000,
    );
  });

  test("what all streams may send together, and take more once some are gone", async () => {
    const server = await open();
    const each = 19 << 20;
    const fitting = Math.floor(limits.gossipStreamsBytesMax / each);
    const sockets: Socket[] = [];
    for (let index = 0; index < fitting; index += 1) {
      const socket = dial(server);
      socket.write(Buffer.alloc(each));
      sockets.push(socket);
    }
    await until(
      "all of them",
      () =>
        [...server.received.values()].every((bytes) => bytes === each) && server.received.size === fitting,
    );
    const refused = dial(server);
    refused.write(Buffer.alloc(each));
    await closed(refused);
    expect(server.events.at(-1)).toMatch(
      /ended: the stream was cut, as all together sent more than \d+ bytes/,
    );
    sockets[0]?.destroy();
    await until("the first is gone", () => server.events.some((event) => event.startsWith("-1 ended")));
    dial(server).write(Buffer.alloc(1 << 20));
    await until("another is heard", () => server.received.get(-fitting - 2) === 1 << 20);
  });

  test("what waits for a peer that does not read", async () => {
    const peer = await listen((socket) => socket.pause());
    const client = await open();
    client.tcp.connect(1, peer, new Uint8Array(limits.gossipStreamBytesMax), 5000);
    client.tcp.write(1, new Uint8Array(1 << 20));
    expect(client.events).toEqual(["1 ended: the stream does not take what it is sent"]);
  });

  test("how many streams others have, refuse more at once, and take some again", async () => {
    const server = await open();
    const sockets = Array.from({ length: limits.gossipStreamsMax }, () => dial(server));
    for (const socket of sockets) socket.write("x");
    await until("all streams", () => server.received.size === limits.gossipStreamsMax);
    const extra = Array.from({ length: 20 }, () => dial(server));
    await Promise.all(extra.map(closed));
    expect(server.counters).toMatchObject({ streamsIn: limits.gossipStreamsMax, streamsRefused: 20 });
    for (const socket of sockets.slice(0, 2)) socket.destroy();
    await until("their ends", () => server.events.filter((event) => event.includes("ended")).length === 2);
    dial(server).write("x");
    await until("a new one", () => server.received.size === limits.gossipStreamsMax + 1);
  });

  test("how many streams a node opens", async () => {
    const peer = await listen((socket) => socket.pause());
    const client = await open();
    for (let stream = 1; stream <= limits.gossipStreamsMax + 1; stream += 1)
      client.tcp.connect(stream, peer, Uint8Array.of(1), 5000);
    expect(client.events).toEqual([`129 ended: more than ${limits.gossipStreamsMax} streams are open`]);
  });
});

test.if(hasIpv6)("TcpStreams on every address take IPv4 and IPv6", async () => {
  const server = await open("::");
  const client4 = await open("127.0.0.2");
  const client6 = await open("::1");
  client4.tcp.connect(1, endpoint("127.0.0.1", server.tcp.port), Uint8Array.of(1), 5000);
  await until("IPv4", () => server.received.size === 1);
  client6.tcp.connect(1, endpoint("::1", server.tcp.port), Uint8Array.of(1), 5000);
  await until("IPv6", () => server.received.size === 2);
  expect(server.events).toEqual(["-1 from 127.0.0.2", "-2 from [::1]"]);
  server.tcp.connect(5, client4.at, Uint8Array.of(1), 5000);
  await until("IPv4 the other way", () => client4.received.size === 1);
});

/** Resolves when the other side has ended or cut a connection. */
async function left(socket: Socket): Promise<void> {
  socket.on("end", () => socket.end()).resume();
  await closed(socket);
}

describe("TcpStreams that take connections of nodes", () => {
  const peerByte = 0xc1;

  /** Takes them, and remembers with what they began. */
  async function takingPeers(
    timeoutMs = 20_000,
  ): Promise<Opened & { peers: { socket: Socket; first: number[]; from: string }[] }> {
    const peers: { socket: Socket; first: number[]; from: string }[] = [];
    const onPeerConnection: OnPeerConnection = (socket, first, from) => {
      socket.on("error", () => undefined);
      peers.push({ socket, first: [...first], from: formatEndpoint(from).replace(/:\d+$/, "") });
    };
    return { ...(await open("127.0.0.1", { timeoutMs, onPeerConnection })), peers };
  }

  test("tell them by their first byte, and hand them over with what was read", async () => {
    const server = await takingPeers();
    dial(server).write(Uint8Array.of(peerByte, 1, 2));
    await until("it", () => server.peers.length === 1);
    expect(server.peers[0]).toMatchObject({ first: [peerByte, 1, 2], from: "127.0.0.1" });
    expect(server.events).toEqual([]);
    expect(server.counters.streamsIn).toBe(0);
  });

  test.each([0, 13, 0xf4, 0xc0, 0xc2])("leave streams that begin with %p as they were", async (byte) => {
    const server = await takingPeers();
    const socket = dial(server);
    socket.write(Uint8Array.of(byte, 1));
    await until("the bytes", () => server.received.get(-1) === 2);
    socket.write("more");
    await until("more", () => server.received.get(-1) === 6);
    socket.end();
    await until("the end", () => server.events.length === 2);
    expect(server.events).toEqual(["-1 from 127.0.0.1", "-1 ended: well"]);
  });

  test("do not count them, end them after a time, or bound what they send", async () => {
    const server = await takingPeers(200);
    const sockets = Array.from({ length: limits.gossipStreamsMax + 10 }, () => dial(server));
    for (const socket of sockets) socket.write(Uint8Array.of(peerByte));
    await until("all of them", () => server.peers.length === sockets.length);
    dial(server).write("x");
    await until("a stream", () => server.received.size === 1);
    await until("its end", () => server.events.length === 2);
    expect(server.peers.every(({ socket }) => !socket.destroyed)).toBe(true);
    expect(server.counters).toMatchObject({ streamsIn: 1, streamsRefused: 0 });
  });

  test("cut them when they stop", async () => {
    const server = await takingPeers();
    const sockets = [dial(server), dial(server)];
    sockets[0]?.write(Uint8Array.of(peerByte));
    await until("it", () => server.peers.length === 1);
    await server.tcp.stop();
    await Promise.all(sockets.map(left));
  });

  test("cut who says nothing: after a time, and the oldest when there are many", async () => {
    const server = await takingPeers(1000);
    const first = dial(server);
    await until("it is there", () => !first.connecting);
    const others = Array.from({ length: limits.gossipSilentMax }, () => dial(server));
    await left(first);
    expect(others.filter((socket) => socket.readableEnded)).toEqual([]);
    await Promise.all(others.map(left));
    await until("all are counted", () => server.counters.streamErrors === limits.gossipSilentMax + 1);
    expect(server.events).toEqual([]);
  });

  test("take nothing from who leaves without a word", async () => {
    const server = await takingPeers();
    for (const end of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
      const socket = dial(server);
      socket.on("connect", () => end(socket));
      await left(socket);
    }
    await until("both are gone", () => server.counters.streamErrors === 2);
    expect(server.events).toEqual([]);
  });
});
