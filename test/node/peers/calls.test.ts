import { describe, expect, test } from "bun:test";
import { LedgerError } from "../../../src/core/errors.ts";
import { limits } from "../../../src/core/limits.ts";
import type { PeerCalls } from "../../../src/sync/peer-messages.ts";
import { until, within } from "../../support/until.ts";
import { failure, handlersOf, nodeId, startNode, testKey } from "./peer-pair.ts";
import { sampleAnswers, sampleRequests } from "./sample-messages.ts";

type Forward = PeerCalls["forward"]["request"];
const timeoutMs = 10_000;
const forward = (body: Uint8Array = new Uint8Array(0)): Forward => ({ hops: 0, method: "x", body });
const echo = handlersOf({ forward: ({ body }: Forward) => ({ body }) });
/** A handler that never answers, and tells what it was asked and why it was to stop. */
function endless(): { handlers: ReturnType<typeof handlersOf>; begun: number; reasons: LedgerError[] } {
  const state = {
    begun: 0,
    reasons: [] as LedgerError[],
    handlers: handlersOf({
      forward: (_: Forward, signal: AbortSignal) => {
        state.begun += 1;
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            state.reasons.push(signal.reason as LedgerError);
            reject(signal.reason as LedgerError);
          });
        });
      },
    }),
  };
  return state;
}

describe.each([
  ["with a key", testKey],
  ["without keys", undefined],
])("Calls %s", (_, key) => {
  test("carry every kind of request and answer", async () => {
    const asked: unknown[] = [];
    const a = await startNode(2, { key });
    const b = await startNode(3, {
      key,
      handlers: {
        call: async (from, kind, request) => {
          asked.push([from, kind, request]);
          return sampleAnswers[kind].at(-1) as never;
        },
        open: () => {
          throw new Error("no streams");
        },
      },
    });
    const kinds = Object.keys(sampleRequests) as (keyof PeerCalls)[];
    for (const kind of kinds) {
      const request = sampleRequests[kind].at(-1);
      const answer = await a.network.call(b.id, kind, request as never, { timeoutMs });
      expect(answer as unknown).toEqual(sampleAnswers[kind].at(-1));
      expect(asked.pop()).toEqual([a.id, kind, request]);
    }
    expect([a.network.connections, b.network.connections]).toEqual([
      { out: 1, in: 0 },
      { out: 0, in: 1 },
    ]);
    expect(a.network.counters.asked).toEqual(Object.fromEntries(kinds.map((kind) => [kind, { OK: 1 }])));
    expect(b.network.counters.answered).toEqual(a.network.counters.asked);
  });

  test("carry messages of many megabytes unchanged", async () => {
    const a = await startNode(2, { key });
    const b = await startNode(3, { key, handlers: echo });
    const body = new Uint8Array(20 << 20);
    for (let at = 0; at < body.length; at += 65_536) crypto.getRandomValues(body.subarray(at, at + 65_536));
    const answer = await a.network.call(b.id, "forward", forward(body), { timeoutMs: 60_000 });
    expect(Buffer.compare(answer.body, body)).toBe(0);
  });
});

describe("Calls", () => {
  test("in great numbers at the same time are each answered with their own", async () => {
    const a = await startNode(2);
    const b = await startNode(3, { handlers: echo });
    const bodies = Array.from({ length: 1000 }, (_, index) => new Uint8Array(index * 7).fill(index));
    const answers = await Promise.all(
      bodies.map((body) => a.network.call(b.id, "forward", forward(body), { timeoutMs })),
    );
    expect(answers.every(({ body }, index) => Buffer.compare(body, bodies[index] ?? body) === 0)).toBe(true);
    expect(a.network.counters.dialled).toBe(1);
  });

  test("go both ways at the same time, each on a connection of its own", async () => {
    const a = await startNode(2, { handlers: echo });
    const b = await startNode(3, { handlers: echo });
    await Promise.all([
      a.network.call(b.id, "forward", forward(), { timeoutMs }),
      b.network.call(a.id, "forward", forward(), { timeoutMs }),
    ]);
    expect(a.network.connections).toEqual({ out: 1, in: 1 });
  });

  test("reject with what the other node throws", async () => {
    const thrown = new LedgerError("OUT_OF_RANGE", "too far", {
      ...{ reason: "SEQUENCE_ABOVE_HEAD", field: "from", value: 7n, limit: 2.5, remedy: "start lower" },
      ...{ sequence: 12, retryAfterMs: 34 },
    });
    const a = await startNode(2);
    const b = await startNode(3, {
      handlers: handlersOf({
        forward: () => {
          throw thrown;
        },
      }),
    });
    const error = await failure(a.network.call(b.id, "forward", forward(), { timeoutMs }));
    expect(error).toBeInstanceOf(LedgerError);
    expect([error.code, error.message, error.facts]).toEqual([thrown.code, thrown.message, thrown.facts]);
    expect(a.network.counters.asked).toEqual({ forward: { OUT_OF_RANGE: 1 } });
    expect(b.network.counters.answered).toEqual({ forward: { OUT_OF_RANGE: 1 } });
  });

  test("reject with INTERNAL when the other node makes a mistake, which only its log tells", async () => {
    const a = await startNode(2);
    const b = await startNode(3, { handlers: handlersOf({}) });
    const error = await failure(a.network.call(b.id, "nudge", { contextId: "c" }, { timeoutMs }));
    expect([error.code, error.message]).toEqual(["INTERNAL", "the other node made a mistake"]);
    expect(b.lines.map(({ message }) => message)).toEqual(["a call of another node has failed"]);
  });

  test("reject with PEER_STARTING while the other node has no handlers", async () => {
    const a = await startNode(2);
    const b = await startNode(3);
    const error = await failure(a.network.call(b.id, "forward", forward(), { timeoutMs }));
    expect([error.code, error.facts.reason]).toEqual(["UNAVAILABLE", "PEER_STARTING"]);
  });

  test("with a request that is not valid are refused by the other node, naming the field", async () => {
    const a = await startNode(2);
    const b = await startNode(3, { handlers: echo });
    const request = { bucket: 256, startAfter: "", limit: 1 };
    const error = await failure(a.network.call(b.id, "bucket", request, { timeoutMs }));
    expect(error).toMatchObject({
      code: "INVALID_ARGUMENT",
      facts: { reason: "PEER_MESSAGE_INVALID", field: "bucket" },
    });
    await a.network.call(b.id, "forward", forward(), { timeoutMs });
  });

  test("that take too long reject, and the handler is told by then", async () => {
    const a = await startNode(2);
    const slow = endless();
    const b = await startNode(3, { handlers: slow.handlers });
    const error = await failure(a.network.call(b.id, "forward", forward(), { timeoutMs: 100 }));
    expect(error).toMatchObject({ code: "DEADLINE_EXCEEDED", facts: { reason: "PEER_TIMEOUT", limit: 100 } });
    await until("the handler is told", () => slow.reasons.length === 1);
    await until("it is counted", () => b.network.counters.answered["forward"] !== undefined);
    expect(["CANCELLED", "DEADLINE_EXCEEDED"]).toContain(slow.reasons[0]?.code ?? "");
  });

  test("have their deadline on the other side too", async () => {
    // The caller's clock stands still.
    const never = { nowMs: () => 0, after: () => () => undefined };
    const a = await startNode(2, { clock: never });
    const slow = endless();
    const b = await startNode(3, { handlers: slow.handlers });
    void a.network.call(b.id, "forward", forward(), { timeoutMs: 50 }).catch(() => undefined);
    await until("the handler is told", () => slow.reasons.length === 1);
    expect(slow.reasons[0]?.code).toBe("DEADLINE_EXCEEDED");
  });

  test("that are cancelled reject at once, and the handler is told", async () => {
    const a = await startNode(2);
    const slow = endless();
    const b = await startNode(3, { handlers: slow.handlers });
    const controller = new AbortController();
    const call = a.network.call(b.id, "forward", forward(), { timeoutMs, signal: controller.signal });
    await until("the handler has it", () => slow.begun === 1);
    controller.abort();
    expect((await failure(call)).code).toBe("CANCELLED");
    await until("the handler is told", () => slow.reasons.length === 1);
    expect(slow.reasons[0]?.code).toBe("CANCELLED");
    const late = a.network.call(b.id, "forward", forward(), { timeoutMs, signal: controller.signal });
    expect((await failure(late)).code).toBe("CANCELLED");
    expect(slow.begun).toBe(1);
  });

  test("whose connection is lost reject, and the handler is told", async () => {
    const a = await startNode(2);
    const slow = endless();
    const b = await startNode(3, { handlers: slow.handlers });
    const call = a.network.call(b.id, "forward", forward(), { timeoutMs });
    await until("the handler has it", () => slow.begun === 1);
    await b.closeListener();
    expect(await failure(call)).toMatchObject({ code: "UNAVAILABLE", facts: { reason: "PEER_LOST" } });
    await until("the handler is told", () => slow.reasons.length === 1);
    expect(slow.reasons[0]?.facts.reason).toBe("PEER_UNREACHABLE");
  });

  test("beyond what one node may have under way at another are refused here", async () => {
    const a = await startNode(2);
    const slow = endless();
    const b = await startNode(3, { handlers: slow.handlers });
    const controller = new AbortController();
    const options = { timeoutMs: 60_000, signal: controller.signal };
    const calls = Array.from({ length: limits.peerCallsMax }, () =>
      a.network.call(b.id, "forward", forward(), options).catch(() => undefined),
    );
    const error = await failure(a.network.call(b.id, "forward", forward(), options));
    expect(error).toMatchObject({ code: "RESOURCE_EXHAUSTED", facts: { reason: "PEER_BUSY" } });
    expect(error.facts.retryAfterMs).toBeGreaterThan(0);
    controller.abort();
    await Promise.all(calls);
    b.network.setHandlers(echo);
    await a.network.call(b.id, "forward", forward(), { timeoutMs });
  });

  test("of one node beyond what the other takes are refused there", async () => {
    const never = handlersOf({ forward: () => new Promise(() => undefined) });
    const a = await startNode(2);
    const b = await startNode(3, { handlers: never });
    const controller = new AbortController();
    const options = { timeoutMs: 60_000, signal: controller.signal };
    const first = Array.from({ length: limits.peerCallsMax }, () =>
      a.network.call(b.id, "forward", forward(), options).catch(() => undefined),
    );
    await until("all are sent", () => b.network.counters.bytesIn > limits.peerCallsMax * 20);
    controller.abort();
    await Promise.all(first);
    // These handlers do not listen to their signals, so they still have all of them.
    const error = await failure(a.network.call(b.id, "forward", forward(), { timeoutMs }));
    expect(error).toMatchObject({ code: "RESOURCE_EXHAUSTED", facts: { reason: "PEER_BUSY", value: b.id } });
  });

  test("with too many bytes are refused before anything is sent", async () => {
    const a = await startNode(2);
    const b = await startNode(3, { handlers: echo });
    const body = new Uint8Array(limits.peerMessageBytesMax);
    const error = await failure(a.network.call(b.id, "forward", forward(body), { timeoutMs }));
    expect(error).toMatchObject({ code: "RESOURCE_EXHAUSTED", facts: { reason: "PEER_MESSAGE_TOO_LARGE" } });
    expect(a.network.counters.dialled).toBe(0);
  });

  test("that are small pass one that is large", async () => {
    const a = await startNode(2);
    const b = await startNode(3, { handlers: echo });
    await a.network.call(b.id, "forward", forward(), { timeoutMs });
    let isLargeDone = false;
    const large = a.network
      .call(b.id, "forward", forward(new Uint8Array(60 << 20)), { timeoutMs: 60_000 })
      .then(() => (isLargeDone = true));
    let passed = 0;
    while (!isLargeDone && passed < 3) {
      await a.network.call(b.id, "forward", forward(Uint8Array.of(1)), { timeoutMs: 60_000 });
      passed += 1;
    }
    expect([passed, isLargeDone]).toEqual([3, false]);
    await large;
  });

  test("to a node that nobody knows are refused at once", async () => {
    const a = await startNode(2);
    const error = await failure(a.network.call(nodeId(9), "forward", forward(), { timeoutMs }));
    expect(error).toMatchObject({
      code: "UNAVAILABLE",
      facts: { reason: "PEER_UNREACHABLE", value: nodeId(9) },
    });
  });

  test("under way when the network stops reject, as later ones do", async () => {
    const a = await startNode(2);
    const slow = endless();
    const b = await startNode(3, { handlers: slow.handlers });
    const call = a.network.call(b.id, "forward", forward(), { timeoutMs });
    await until("the handler has it", () => slow.begun === 1);
    a.network.stop();
    expect((await failure(within("the end", call))).facts.reason).toBe("PEER_LOST");
    const late = a.network.call(b.id, "forward", forward(), { timeoutMs });
    expect((await failure(within("the refusal", late))).facts.reason).toBe("PEER_UNREACHABLE");
    await until("the other side has seen it", () => b.network.connections.in === 0);
  });
});
