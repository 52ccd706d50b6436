import { expect, test } from "bun:test";
import { LedgerError } from "../../src/core/errors.ts";
import { limits } from "../../src/core/limits.ts";
import { type GroupItem, groupStream } from "../../src/rpc/group-stream.ts";
import type { GroupSink } from "../../src/rpc/groups.ts";

const join = { contextId: "ctx", memberId: "a", name: "", metadata: {} };

function world() {
  const state = {
    left: 0,
    sink: undefined as GroupSink | undefined,
    refusal: undefined as Error | undefined,
  };
  const groups = {
    async join(_: unknown, sink: GroupSink) {
      if (state.refusal !== undefined) throw state.refusal;
      state.sink = sink;
      sink.event({ kind: "joined", members: [] });
      return { leave: () => void (state.left += 1) };
    },
  };
  const abort = new AbortController();
  return { state, abort, open: (heartbeatMs = 0) => groupStream(groups, join, heartbeatMs, abort.signal) };
}

function message(n: number, bytes = 0) {
  const payload = new Uint8Array(bytes);
  return { kind: "message" as const, message: { id: `${n}`, fromMemberId: "", payload, sentAtNs: 0n } };
}

async function next(stream: AsyncGenerator<GroupItem>): Promise<GroupItem | undefined> {
  const { value, done } = await stream.next();
  return done === true ? undefined : value;
}

test("groupStream() gives what is told, in order, and heartbeats in between", async () => {
  const { state, abort, open } = world();
  const stream = open(5);
  expect(await next(stream)).toEqual({ kind: "joined", members: [] });
  state.sink?.event(message(1));
  state.sink?.event(message(2));
  expect([await next(stream), await next(stream)]).toEqual([message(1), message(2)]);
  expect(await next(stream)).toEqual({ kind: "heartbeat" });
  const waiting = next(stream);
  abort.abort();
  expect([await waiting, state.left > 0]).toEqual([undefined, true]);
});

test("groupStream() leaves when nobody reads on", async () => {
  const { state, open } = world();
  const stream = open();
  await next(stream);
  await stream.return(undefined);
  expect(state.left).toBe(1);
});

test.each([
  ["events", limits.groupUnsentEventsMax + 1, 0],
  ["bytes", 17, 64 * 1024],
])(
  "groupStream() cuts who has too many %s to read, who is no member from then on",
  async (_, count, bytes) => {
    const { state, open } = world();
    const stream = open();
    await next(stream);
    for (let n = 0; n < count; n += 1) state.sink?.event(message(n, bytes));
    await Promise.resolve();
    expect(state.left).toBe(1);
    state.sink?.event(message(-1));
    const error = await next(stream).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "RESOURCE_EXHAUSTED", facts: { reason: "GROUP_MEMBER_TOO_SLOW" } });
  },
);

test("groupStream() takes as much as it may hold", async () => {
  const { state, open } = world();
  const stream = open();
  await next(stream);
  for (let round = 0; round < 3; round += 1) {
    for (let n = 0; n < 16; n += 1) state.sink?.event(message(n, 64 * 1024));
    for (let n = 0; n < 16; n += 1) expect(await next(stream)).toMatchObject({ message: { id: `${n}` } });
  }
  await stream.return(undefined);
});

test("groupStream() throws what ends it, after what came before", async () => {
  const { state, open } = world();
  const stream = open();
  state.refusal = undefined;
  await next(stream);
  state.sink?.event(message(1));
  state.sink?.ended(new LedgerError("ABORTED", "over", { reason: "GROUP_MEMBER_REPLACED" }));
  expect(await next(stream)).toEqual(message(1));
  expect(await next(stream).catch((thrown: unknown) => thrown)).toMatchObject({ code: "ABORTED" });
  expect(state.left).toBeGreaterThan(0);
});

test("groupStream() throws why one cannot join", async () => {
  const { state, open } = world();
  state.refusal = new LedgerError("RESOURCE_EXHAUSTED", "full", { reason: "GROUP_FULL" });
  expect(await next(open()).catch((thrown: unknown) => thrown)).toBe(state.refusal);
});
