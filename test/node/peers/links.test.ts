import { describe, expect, test } from "bun:test";
import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { gossipKeyId } from "../../../src/node/gossip/key-holder.ts";
import { addKey, keyringOf, removeKey, useKey } from "../../../src/swim/wire/keyring.ts";
import type { PeerCalls } from "../../../src/sync/peer-messages.ts";
import { until, within } from "../../support/until.ts";
import { closeLater, failure, handlersOf, nodeId, startNode, type TestNode, testKey } from "./peer-pair.ts";

type Forward = PeerCalls["forward"]["request"];
const echo = handlersOf({ forward: ({ body }: Forward) => ({ body }) });
const none = new Uint8Array(0);
const quick = { redialMinMs: 5, redialMaxMs: 20 };

function call(from: TestNode, to: string, timeoutMs = 10_000): Promise<unknown> {
  return from.network.call(to, "forward", { hops: 0, method: "x", body: none }, { timeoutMs });
}

/** A listener between a node and those that call it, which can hold what passes. */
async function proxyOf(node: TestNode): Promise<{ address: string; hold: () => void; opened: () => number }> {
  let isHeld = false;
  let opened = 0;
  const sockets = new Set<Socket>();
  const pipe = (from: Socket, to: Socket): void => {
    from.on("data", (bytes) => {
      if (!isHeld) to.write(bytes);
    });
    from.on("close", () => to.destroy());
    from.on("error", () => undefined);
  };
  const server = createServer((socket) => {
    opened += 1;
    const other = connect({ host: node.host, port: node.tcp.port });
    sockets.add(socket).add(other);
    pipe(socket, other);
    pipe(other, socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closeLater(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { address, hold: () => (isHeld = true), opened: () => opened };
}

describe("A node that cannot be reached", () => {
  test("is told of at once while it is sought, and found when it is back", async () => {
    const b = await startNode(3, { handlers: echo });
    const a = await startNode(2, { timing: quick });
    await b.closeListener();
    const error = await failure(call(a, b.id));
    expect(error).toMatchObject({ code: "UNAVAILABLE", facts: { reason: "PEER_UNREACHABLE", value: b.id } });
    expect(error.message).toContain("ECONNREFUSED");
    const startMs = performance.now();
    await failure(call(a, b.id));
    expect(performance.now() - startMs).toBeLessThan(1000);
    await b.openListener();
    await until("it is found", () => call(a, b.id).then(() => true));
    expect(a.lines.map(({ message }) => message)).toEqual([
      "another node is not reached",
      "another node is reached again",
    ]);
    expect(a.network.failureOf(b.id)).toBeUndefined();
  });

  test("says when to try again, and is sought at longer and longer intervals", async () => {
    const rings: { atMs: number; ring: () => void }[] = [];
    let nowMs = 0;
    const clock = {
      nowMs: () => nowMs,
      after: (afterMs: number, ring: () => void) => {
        const timer = { atMs: nowMs + afterMs, ring };
        rings.push(timer);
        return () => {
          if (rings.includes(timer)) rings.splice(rings.indexOf(timer), 1);
        };
      },
    };
    const a = await startNode(2, { clock, random: () => 1, addressOf: () => "127.0.0.1:1" });
    const waits: number[] = [];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const { facts } = await failure(call(a, nodeId(9)));
      waits.push(facts.retryAfterMs ?? 0);
      nowMs += facts.retryAfterMs ?? 0;
      const before = a.network.counters.dialFailures;
      for (const timer of rings.filter(({ atMs }) => atMs <= nowMs)) {
        rings.splice(rings.indexOf(timer), 1);
        timer.ring();
      }
      await until("the next attempt", () => a.network.counters.dialFailures > before);
    }
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  });

  test("does not delay calls to others", async () => {
    const c = await startNode(4, { handlers: echo });
    // Takes connections, and says nothing.
    const held: Socket[] = [];
    const dead = createServer((socket) => void held.push(socket));
    await new Promise<void>((resolve) => dead.listen(0, "127.0.0.1", resolve));
    closeLater(() => {
      for (const socket of held) socket.destroy();
      dead.close();
    });
    const addressOf = (id: string): string =>
      id === c.id ? c.address() : `127.0.0.1:${(dead.address() as AddressInfo).port}`;
    const a = await startNode(2, { addressOf, timing: { handshakeMs: 300 } });
    const lost = failure(call(a, nodeId(9)));
    for (let index = 0; index < 20; index += 1) await call(a, c.id);
    const error = await within("the end of the handshake", lost);
    expect(error.facts.reason).toBe("PEER_UNREACHABLE");
    expect(error.cause).toMatchObject({ facts: { reason: "PEER_HANDSHAKE_FAILED", value: "timeout" } });
    expect(a.network.counters.refusals.timeout).toBe(1);
  });

  test("ends calls that wait for it when they are late", async () => {
    const dead = createServer(() => undefined);
    await new Promise<void>((resolve) => dead.listen(0, "127.0.0.1", resolve));
    closeLater(() => void dead.close());
    const a = await startNode(2, { addressOf: () => `127.0.0.1:${(dead.address() as AddressInfo).port}` });
    expect((await failure(call(a, nodeId(9), 50))).code).toBe("DEADLINE_EXCEEDED");
  });
});

describe("A connection", () => {
  test("that is lost is made anew, and calls made meanwhile use it", async () => {
    const b = await startNode(3, { handlers: echo });
    const a = await startNode(2, { timing: quick });
    for (let life = 0; life < 3; life += 1) {
      await until("an answer", () => call(a, b.id).then(() => true));
      await b.closeListener();
      await b.openListener();
    }
    await until("an answer", () => call(a, b.id).then(() => true));
    expect(a.network.counters.dialled).toBeGreaterThan(3);
  });

  test("on which nothing is heard any more is cut, and its calls reject", async () => {
    const b = await startNode(3, {
      handlers: handlersOf({ nudge: () => new Promise(() => undefined), forward: () => ({ body: none }) }),
    });
    const proxy = await proxyOf(b);
    const timing = { pingMs: 50, silentMs: 120 };
    const a = await startNode(2, { addressOf: () => proxy.address, timing });
    await call(a, b.id);
    const waiting = failure(a.network.call(b.id, "nudge", { contextId: "c" }, { timeoutMs: 60_000 }));
    // Both are silent but for pings, which are answered.
    const before = a.network.counters.bytesIn;
    await until("some pongs", () => a.network.counters.bytesIn > before + 100);
    proxy.hold();
    const error = await within("the cut", waiting);
    expect(error.facts.reason).toBe("PEER_LOST");
    expect(error.message).toContain("nothing was heard for 120 ms");
    expect(a.network.counters.silences).toBe(1);
  });

  test("that nobody uses is closed, and made anew when somebody does", async () => {
    const b = await startNode(3, { handlers: echo });
    const a = await startNode(2, { timing: { idleMs: 50 } });
    await call(a, b.id);
    await until("the end", () => b.network.connections.in === 0 && a.network.connections.out === 0);
    await call(a, b.id);
    expect(a.network.counters.dialled).toBe(2);
  });

  test("comes from the address at which its node listens", async () => {
    const froms: string[] = [];
    const server = createServer((socket) => {
      froms.push(socket.remoteAddress ?? "");
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closeLater(() => void server.close());
    const a = await startNode(2, { addressOf: () => `127.0.0.1:${(server.address() as AddressInfo).port}` });
    await failure(call(a, nodeId(9)));
    expect(froms).toEqual(["127.0.0.2"]);
  });

  test("of a node that comes back is taken, and the one it lost is cut", async () => {
    const b = await startNode(3, { handlers: echo });
    for (let life = 0; life < 3; life += 1) {
      const a = await startNode(2);
      await call(a, b.id);
    }
    expect(b.network.connections.in).toBe(2);
  });
});

describe("Nodes that do not fit are refused on both sides:", () => {
  test.each<[string, Parameters<typeof startNode>[1], string, string]>([
    ["another key", { key: new Uint8Array(32).fill(8) }, "key", "PEER_KEYS_DIFFER"],
    ["no key", { key: undefined }, "key", "PEER_KEYS_DIFFER"],
    ["another label", { gossipLabel: "other" }, "label", "PEER_LABELS_DIFFER"],
    ["later versions", { versions: { min: 2, max: 3 } }, "versions", "PEER_VERSIONS_DIFFER"],
  ])("%s", async (_, options, problem, reason) => {
    const b = await startNode(3, { ...options, handlers: echo });
    const a = await startNode(2);
    const error = await failure(call(a, b.id));
    expect(error.facts.reason).toBe("PEER_UNREACHABLE");
    expect(error.cause).toMatchObject({ facts: { reason } });
    expect(a.network.counters.refusals).toMatchObject({ [problem]: 1 });
    expect(b.network.counters.refusals).toMatchObject({ [problem]: 1 });
    expect(b.lines[0]).toMatchObject({ fields: { problem, error: { facts: { reason } } } });
    expect(b.network.connections.in).toBe(0);
  });

  test("another node id", async () => {
    const b = await startNode(3, { handlers: echo });
    const a = await startNode(2, { addressOf: () => b.address() });
    const error = await failure(call(a, nodeId(9)));
    expect(error.cause).toMatchObject({ facts: { reason: "PEER_NODES_DIFFER" } });
    expect(b.network.counters.refusals.node).toBe(1);
  });

  test("and ranges of versions that overlap are not", async () => {
    const b = await startNode(3, { versions: { min: 1, max: 2 }, handlers: echo });
    const a = await startNode(2, { versions: { min: 2, max: 3 } });
    await call(a, b.id);
  });
});

test("Keys are changed under load without a call that fails", async () => {
  const next = new Uint8Array(32).fill(9);
  let ring = keyringOf([testKey]);
  const slow = handlersOf({
    forward: async ({ body }: Forward) => {
      await Bun.sleep(2);
      return { body };
    },
  });
  const nodes = [
    await startNode(2, { ring: () => ring, handlers: slow }),
    await startNode(3, { ring: () => ring, handlers: slow }),
  ] as const;
  let isOver = false;
  let answered = 0;
  const load = nodes.map(async (from, index) => {
    const to = nodes[1 - index];
    while (!isOver && to !== undefined) {
      await Promise.all(Array.from({ length: 8 }, () => call(from, to.id)));
      answered += 8;
    }
  });
  const step = async (change: () => void): Promise<void> => {
    change();
    for (const { network } of nodes) network.keysChanged();
    const before = answered;
    await until("calls go on", () => answered > before + 100);
  };
  await step(() => (ring = addKey(ring, next)));
  expect(nodes.map(({ network }) => network.counters.dialled)).toEqual([1, 1]);
  await step(() => (ring = useKey(ring, next)));
  expect(nodes.map(({ network }) => network.counters.dialled)).toEqual([2, 2]);
  expect(nodes.map(({ network }) => network.connections)).toEqual([
    { out: 1, in: 1 },
    { out: 1, in: 1 },
  ]);
  await step(() => (ring = removeKey(ring, testKey)));
  isOver = true;
  await Promise.all(load);
  expect(gossipKeyId(ring.keys[0] ?? none)).toBe(gossipKeyId(next));
});

test("A connection whose key is removed is cut on both sides, and made anew with another", async () => {
  const next = new Uint8Array(32).fill(9);
  const rings = { a: keyringOf([testKey, next]), b: keyringOf([testKey, next]) };
  const never = handlersOf({ nudge: () => new Promise(() => undefined), forward: () => ({ body: none }) });
  const b = await startNode(3, { ring: () => rings.b, handlers: never });
  const a = await startNode(2, { ring: () => rings.a, timing: quick });
  const waiting = a.network.call(b.id, "nudge", { contextId: "c" }, { timeoutMs: 60_000 });
  await call(a, b.id);
  rings.b = removeKey(useKey(rings.b, next), testKey);
  b.network.keysChanged();
  expect((await failure(within("the cut", waiting))).facts.reason).toBe("PEER_LOST");
  // The caller does not know yet.
  await until("a refusal", () => b.network.counters.refusals.key > 0);
  rings.a = removeKey(useKey(rings.a, next), testKey);
  a.network.keysChanged();
  await until("a connection", () => call(a, b.id).then(() => true));
});
