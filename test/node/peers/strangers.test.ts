import { describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { limits } from "../../../src/core/limits.ts";
import { gossipKeyId } from "../../../src/node/gossip/key-holder.ts";
import { Handshake } from "../../../src/node/peers/handshake.ts";
import { encodeHello, peerMagic } from "../../../src/node/peers/hello.ts";
import { keyringOf } from "../../../src/swim/wire/keyring.ts";
import { until } from "../../support/until.ts";
import { closeLater, handlersOf, nodeId, startNode, type TestNode, testKey } from "./peer-pair.ts";

const none = new Uint8Array(0);
const echo = handlersOf({ forward: ({ body }: { body: Uint8Array }) => ({ body }) });

/** Connects to a node as nobody in particular. */
function dial(node: TestNode, host = "127.0.0.1"): Socket {
  const socket = connect({ host: node.host, port: node.tcp.port, localAddress: host });
  socket.on("error", () => undefined);
  socket.on("data", () => undefined);
  closeLater(() => void socket.destroy());
  return socket;
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
}

async function works(node: TestNode): Promise<void> {
  const a = await startNode(2);
  const request = { hops: 0, method: "x", body: none };
  await a.network.call(node.id, "forward", request, { timeoutMs: 10_000 });
}

function helloTo(node: TestNode, changes: Partial<Parameters<typeof encodeHello>[0]> = {}): Uint8Array {
  return encodeHello({
    versions: { min: 1, max: 1 },
    nodeId: nodeId(99),
    to: node.id,
    random: new Uint8Array(32),
    keyId: undefined,
    label: "test",
    ...changes,
  });
}

/** Agrees with `node` as a node of the cluster would, and returns what seals its records. */
async function agree(
  node: TestNode,
  key: Uint8Array | undefined,
): Promise<{ socket: Socket; send: (plain: Uint8Array) => void }> {
  const socket = connect({ host: node.host, port: node.tcp.port });
  closeLater(() => void socket.destroy());
  socket.on("error", () => undefined);
  const self = {
    nodeId: nodeId(98),
    versions: { min: 1, max: 1 },
    label: "test",
    ring: keyringOf(key === undefined ? [] : [key]),
  };
  const handshake = new Handshake("dialer", self, crypto.getRandomValues(new Uint8Array(32)), node.id);
  socket.write(handshake.begin());
  const session = await new Promise<Extract<ReturnType<Handshake["receive"]>, { kind: "done" }>["session"]>(
    (resolve) => {
      let isOver = false;
      socket.on("data", (bytes) => {
        if (isOver) return;
        const step = handshake.receive(new Uint8Array(bytes as Buffer));
        if (step.send !== undefined) socket.write(step.send);
        if (step.kind !== "done") return;
        isOver = true;
        resolve(step.session);
      });
    },
  );
  const send = (plain: Uint8Array): void => {
    const tag = session.sealer === undefined ? 0 : 16;
    const record = new Uint8Array(4 + plain.length + tag);
    new DataView(record.buffer).setUint32(0, plain.length + tag);
    record.set(plain, 4);
    session.sealer?.seal(record, 4);
    socket.write(record);
  };
  return { socket, send };
}

function frame(kind: number, id: number, ...body: number[]): Uint8Array {
  const bytes = new Uint8Array(13 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, kind);
  view.setUint32(5, id);
  view.setUint32(9, body.length);
  bytes.set(body, 13);
  return bytes;
}

describe("Strangers", () => {
  test.each<[string, (node: TestNode) => Uint8Array, string]>([
    ["the first byte and garbage", () => Uint8Array.of(0xc1, 1, 2, 3), "garbage"],
    ["a kind of opening that is none", () => Uint8Array.of(...peerMagic, 9, 0, 0), "garbage"],
    ["a hello that is too long", () => Uint8Array.of(...peerMagic, 1, 255, 255), "garbage"],
    ["a hello that is too short", () => Uint8Array.of(...peerMagic, 1, 0, 1, 0), "garbage"],
    ["a refusal", () => Uint8Array.of(...peerMagic, 2, 0, 5, 1, 0, 1, 0, 1), "garbage"],
    ["a hello without a key", (node) => helloTo(node), "key"],
    ["a hello with another key", (node) => helloTo(node, { keyId: "00".repeat(8) }), "key"],
    ["a hello to somebody else", (node) => helloTo(node, { to: nodeId(77) }), "node"],
  ])("that send %s are cut", async (_, bytes, problem) => {
    const node = await startNode(3, { handlers: echo });
    const socket = dial(node);
    socket.write(bytes(node));
    await closed(socket);
    expect(node.network.counters.refusals).toMatchObject({ [problem]: 1 });
    await works(node);
  });

  test("with a key's id but without the key are cut at their proof", async () => {
    const node = await startNode(3, { handlers: echo });
    const real = new Handshake(
      "dialer",
      { nodeId: nodeId(99), versions: { min: 1, max: 1 }, label: "test", ring: keyringOf([testKey]) },
      new Uint8Array(32),
      node.id,
    );
    const socket = dial(node);
    socket.write(real.begin());
    socket.once("data", () => socket.write(Uint8Array.of(0, 0, 0, 16, ...new Uint8Array(16))));
    await closed(socket);
    expect(node.network.counters.refusals.proof).toBe(1);
  });

  test("that prove something before they can know it are cut", async () => {
    const node = await startNode(3, { handlers: echo });
    const socket = dial(node);
    const keyId = gossipKeyId(testKey);
    socket.write(
      Buffer.concat([helloTo(node, { keyId }), Uint8Array.of(0, 0, 0, 16, ...new Uint8Array(16))]),
    );
    await closed(socket);
    expect(node.network.counters.refusals.proof).toBe(1);
  });

  test("that begin and say no more are cut after a while, byte by byte or not", async () => {
    const node = await startNode(3, { handlers: echo, timing: { handshakeMs: 200 } });
    const hello = helloTo(node);
    const silent = dial(node);
    silent.write(hello.subarray(0, 20));
    const slow = dial(node);
    let sent = 0;
    const drip = setInterval(() => slow.write(hello.subarray(sent, (sent += 1))), 10);
    slow.on("close", () => clearInterval(drip));
    await Promise.all([closed(silent), closed(slow)]);
    expect(node.network.counters.refusals.timeout).toBe(2);
    expect(sent).toBeLessThan(hello.length);
  });

  test("from one address have bounded room, and keep nobody else out", async () => {
    const node = await startNode(3, { handlers: echo });
    const sockets = Array.from({ length: 40 }, () => dial(node, "127.0.0.50"));
    for (const socket of sockets) socket.write(peerMagic);
    const refused = 40 - limits.peerHandshakesPerAddressMax;
    await until("those beyond are cut", () => node.network.counters.refusals.busy === refused);
    await works(node);
    expect(sockets.filter(({ destroyed }) => !destroyed).length).toBeGreaterThanOrEqual(
      limits.peerHandshakesPerAddressMax,
    );
  });

  test("from all addresses have bounded room, for a bounded time", async () => {
    const node = await startNode(3, { handlers: echo, timing: { handshakeMs: 500 } });
    const sockets = Array.from({ length: 100 }, (_, index) => dial(node, `127.0.1.${index + 1}`));
    for (const socket of sockets) socket.write(peerMagic);
    await until(
      "those beyond are cut",
      () => node.network.counters.refusals.busy === 100 - limits.peerHandshakesMax,
    );
    await until("all are cut", () => node.network.counters.refusals.timeout === limits.peerHandshakesMax);
    await works(node);
  });

  test("that connect and say nothing keep nobody out", async () => {
    const node = await startNode(3, { handlers: echo });
    const sockets = Array.from({ length: 400 }, () => dial(node));
    await Promise.all(
      sockets.map(async (socket) => {
        if (socket.connecting)
          await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
      }),
    );
    await works(node);
  });
});

describe.each([
  ["sealed", testKey],
  ["plain", undefined],
])("A node on a %s connection that breaks the rules is cut:", (_, key) => {
  const request = [12, 0, 0, 39, 16, 0, 0, 0, 1];
  test.each<[string, readonly Uint8Array[]]>([
    ["half a frame", [frame(1, 1).subarray(0, 12)]],
    ["a frame that is longer than its record", [frame(10, 1, 1, 2).subarray(0, 14)]],
    ["an unknown kind of frame", [frame(99, 1)]],
    ["an answer to nothing", [frame(5, 1, 0, 0, 0, 0)]],
    ["a request without its head", [frame(1, 1, 1, 2, 3)]],
    ["a request that is longer than it says", [frame(1, 1, ...request, 1, 2)]],
    ["a number that was used", [frame(3, 1), frame(1, 5, ...request), frame(1, 5, ...request)]],
    ["more of a message than it has", [frame(1, 1, ...request), frame(9, 1, 1, 2)]],
    ["more of a message, but nothing", [frame(1, 1, ...request), frame(9, 1)]],
    ["credit for a call", [frame(1, 1, ...request), frame(4, 1, 0, 0, 0, 1)]],
    ["an id above 2^53", [Uint8Array.of(10, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)]],
  ])("%s", async (_name, frames) => {
    const node = await startNode(3, { key, handlers: echo });
    const { socket, send } = await agree(node, key);
    for (const bytes of frames) send(bytes);
    await closed(socket);
    expect(node.network.counters.violations).toBe(1);
    await until("it is forgotten", () => node.network.connections.in === 0);
  });

  test("a record of no bytes", async () => {
    const node = await startNode(3, { key, handlers: echo });
    const { socket } = await agree(node, key);
    socket.write(new Uint8Array(4));
    await closed(socket);
    expect(node.network.counters.violations).toBe(1);
  });

  test("a record of more than 1 MiB", async () => {
    const node = await startNode(3, { key, handlers: echo });
    const { socket } = await agree(node, key);
    socket.write(Uint8Array.of(0, 16, 0, 1));
    await closed(socket);
    expect(node.network.counters.violations).toBe(1);
  });

  test("pings without end whose answers it does not read", async () => {
    const node = await startNode(3, { key, handlers: echo });
    const { socket, send } = await agree(node, key);
    socket.pause();
    const pings = Buffer.concat(Array.from({ length: 5000 }, () => frame(10, 1)));
    const flood = setInterval(() => {
      if (socket.writableLength < 4 << 20) send(pings);
    }, 1);
    closeLater(() => clearInterval(flood));
    await until("it is cut", () => node.network.counters.violations === 1);
  });
});

test("Frames about calls that are over are passed over", async () => {
  const node = await startNode(3, { handlers: echo });
  const { socket, send } = await agree(node, testKey);
  for (const kind of [3, 4, 9]) send(frame(kind, 7, 0, 0, 0, 1));
  send(frame(10, 4));
  await until("it is heard", () => node.network.counters.bytesOut > 0);
  expect(socket.destroyed).toBe(false);
});

test("A sealed record that is repeated ends the connection", async () => {
  const node = await startNode(3, { handlers: echo });
  const { socket, send } = await agree(node, testKey);
  const records: Uint8Array[] = [];
  const write = socket.write.bind(socket);
  socket.write = (bytes: Uint8Array) => {
    records.push(bytes);
    return write(bytes);
  };
  send(frame(10, 1));
  await until("it is answered", () => node.network.counters.bytesOut > 0);
  expect(node.network.counters.violations).toBe(0);
  write(records[0] ?? none);
  await closed(socket);
  expect(node.network.counters.violations).toBe(1);
});
