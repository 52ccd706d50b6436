import { describe, expect, test } from "bun:test";
import { LedgerError } from "../../../src/core/errors.ts";
import { limits } from "../../../src/core/limits.ts";
import type { PeerHandlers } from "../../../src/node/peers/peers.ts";
import { until } from "../../support/until.ts";
import { failure, handlersOf, startNode } from "./peer-pair.ts";

const none = new Uint8Array(0);
const never = (): AbortSignal => new AbortController().signal;

async function pair(
  open: PeerHandlers["open"],
): Promise<[Awaited<ReturnType<typeof startNode>>, Awaited<ReturnType<typeof startNode>>]> {
  const echo = handlersOf({ forward: ({ body }: { body: Uint8Array }) => ({ body }) }, open);
  return [await startNode(2), await startNode(3, { handlers: echo })];
}

async function all(items: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const list: Uint8Array[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe("Streams", () => {
  test("carry what opens them, and every item in order, of any size", async () => {
    const sizes = [0, 1, 70_000, 0, 3 << 20, 5];
    let opened: unknown;
    const [a, b] = await pair(async function* (from, kind, body) {
      opened = [from, kind, body];
      for (const [index, size] of sizes.entries()) yield new Uint8Array(size).fill(index);
    });
    const body = new Uint8Array(200_000).fill(9);
    const items = await all(a.network.open(b.id, "snapshot", body, never()));
    expect(items.map(({ length }) => length)).toEqual(sizes);
    expect(items.every((item, index) => item.every((byte) => byte === index))).toBe(true);
    expect(opened).toEqual([a.id, "snapshot", body]);
    expect(a.network.counters.asked).toEqual({ snapshot: { OK: 1 } });
    expect(b.network.counters.answered).toEqual({ snapshot: { OK: 1 } });
  });

  test("reject with what the other node throws, after the items before it", async () => {
    const [a, b] = await pair(async function* () {
      yield Uint8Array.of(1);
      throw new LedgerError("DATA_LOSS", "gone", { reason: "ENTRY_MISSING", sequence: 2 });
    });
    const stream = a.network.open(b.id, "watch", none, never())[Symbol.asyncIterator]();
    expect(await stream.next()).toEqual({ value: Uint8Array.of(1), done: false });
    const error = await failure(stream.next());
    expect(error).toMatchObject({ code: "DATA_LOSS", facts: { reason: "ENTRY_MISSING", sequence: 2 } });
  });

  test("that nobody reads stop the sender, and go on when somebody does", async () => {
    let sent = 0;
    const item = new Uint8Array(10_000);
    const [a, b] = await pair(async function* () {
      for (; sent < 1000; sent += 1) yield item;
    });
    const stream = a.network.open(b.id, "watch", none, never())[Symbol.asyncIterator]();
    await stream.next();
    await until("the sender waits", async () => {
      const before = sent;
      await a.network.call(b.id, "forward", { hops: 0, method: "x", body: none }, { timeoutMs: 10_000 });
      await Bun.sleep(20);
      return sent === before && sent > 1;
    });
    expect(sent * item.length).toBeLessThan(limits.peerWindowBytes + 3 * item.length);
    let read = 1;
    while ((await stream.next()).done !== true) read += 1;
    expect(read).toBe(1000);
  });

  test("of empty items are bounded too", async () => {
    let sent = 0;
    const [a, b] = await pair(async function* () {
      for (; ; sent += 1) yield none;
    });
    const stream = a.network.open(b.id, "watch", none, never());
    await stream[Symbol.asyncIterator]().next();
    await until("the sender waits", async () => {
      const before = sent;
      await Bun.sleep(20);
      return sent === before;
    });
    expect(sent).toBeLessThan(limits.peerWindowBytes / 64 + 3);
    await stream.return?.();
  });

  test("do not hold up calls, or each other, when nobody reads them", async () => {
    const [a, b] = await pair(async function* () {
      for (;;) yield new Uint8Array(50_000);
    });
    const waiting = Array.from({ length: 20 }, () => a.network.open(b.id, "watch", none, never()));
    await Promise.all(waiting.map((stream) => stream[Symbol.asyncIterator]().next()));
    const answer = await a.network.call(
      b.id,
      "forward",
      { hops: 0, method: "x", body: none },
      { timeoutMs: 5000 },
    );
    expect(answer.body).toHaveLength(0);
    const other = a.network.open(b.id, "watch", none, never())[Symbol.asyncIterator]();
    for (let index = 0; index < 50; index += 1) await other.next();
    await Promise.all([other.return?.(), ...waiting.map((stream) => stream.return?.())]);
  });

  test("end at the other node when the reader leaves, or its signal fires", async () => {
    const ended: string[] = [];
    const [a, b] = await pair(async function* (_from, kind, _body, signal) {
      yield none;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      ended.push(`${kind} ${(signal.reason as LedgerError).code}`);
    });
    for await (const _ of a.network.open(b.id, "watch", none, never())) break;
    await until("the first end", () => ended.length === 1);
    const controller = new AbortController();
    const stream = a.network.open(b.id, "group", none, controller.signal)[Symbol.asyncIterator]();
    await stream.next();
    const next = stream.next();
    controller.abort();
    expect((await failure(next)).code).toBe("CANCELLED");
    await until("the second end", () => ended.length === 2);
    expect(ended).toEqual(["watch CANCELLED", "group CANCELLED"]);
    expect(a.network.counters.asked).toEqual({ watch: { CANCELLED: 1 }, group: { CANCELLED: 1 } });
  });

  test("whose signal has fired before are not opened", async () => {
    const [a, b] = await pair(() => {
      throw new Error("it was opened");
    });
    const error = await failure(all(a.network.open(b.id, "watch", none, AbortSignal.abort())));
    expect(error.code).toBe("CANCELLED");
    expect(b.network.counters.answered).toEqual({});
  });

  test("whose connection is lost reject, and end at the other node", async () => {
    let isEnded = false;
    const [a, b] = await pair(async function* (_from, _kind, _body, signal) {
      yield none;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      isEnded = true;
    });
    const stream = a.network.open(b.id, "watch", none, never())[Symbol.asyncIterator]();
    await stream.next();
    await b.closeListener();
    expect((await failure(stream.next())).facts.reason).toBe("PEER_LOST");
    await until("its end there", () => isEnded);
  });

  test("beyond what one node may have open at another are refused here", async () => {
    const [a, b] = await pair(async function* (_from, _kind, _body, signal) {
      yield none;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    const controller = new AbortController();
    const open = (): AsyncIterator<Uint8Array> =>
      a.network.open(b.id, "watch", none, controller.signal)[Symbol.asyncIterator]();
    await Promise.all(Array.from({ length: limits.peerStreamsMax }, () => open().next()));
    expect((await failure(open().next())).facts.reason).toBe("PEER_BUSY");
    controller.abort();
  });

  test("with an item that is too large reject", async () => {
    const [a, b] = await pair(async function* () {
      yield new Uint8Array(limits.peerItemBytesMax + 1);
    });
    const error = await failure(all(a.network.open(b.id, "watch", none, never())));
    expect(error.facts.reason).toBe("PEER_MESSAGE_TOO_LARGE");
  });
});
