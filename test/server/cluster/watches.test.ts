import { describe, expect, test } from "bun:test";
import { encodeResumeToken, parseResumeToken } from "../../../src/core/cursor.ts";
import { LedgerError } from "../../../src/core/errors.ts";
import type { Watching, WatchRequest } from "../../../src/ledger/ledger-api.ts";
import type { ProofItem } from "../../../src/ledger/watcher.ts";
import { ClusterWorld } from "../../support/cluster-world.ts";
import { append, appendMany, entriesOf, factsOf } from "../../support/ledger-world.ts";
import { RecordingSink } from "../../support/ledger-sink.ts";
import { until } from "../../support/until.ts";

function asking(parts: Partial<WatchRequest> = {}): WatchRequest {
  const unset = { key: "", heartbeatMs: 0, resets: false, proofs: false };
  return { contextId: "c", from: { sequence: 0 }, ...unset, ...parts };
}

async function watching(
  world: ClusterWorld,
  number: number,
  parts: Partial<WatchRequest> = {},
  sink = new RecordingSink(),
): Promise<{ sink: RecordingSink; watch: Watching }> {
  const watch = await world.node(number).ledger.watch(asking(parts), sink);
  watch.wake();
  return { sink, watch };
}

const has = (sink: RecordingSink, count: number): Promise<unknown> =>
  until(`${count} entries`, () => sink.received.length >= count);

/** Two copies of one context of 3 entries, and a third node. */
async function copied(): Promise<ClusterWorld> {
  const world = new ClusterWorld({ nodes: 3, holders: 2 });
  await appendMany(world.node(1).local, "c", 3);
  await world.copy(1, 2);
  return world;
}

describe("a watch", () => {
  test.each([1, 2])("at node %d, which keeps the context, reads its own copy", async (number) => {
    const world = await copied();
    const { sink } = await watching(world, number);
    await has(sink, 3);
    await append(world.node(number).local, "c");
    await has(sink, 4);
    expect(sink.events).toEqual([1, 2, 3, "caught up 3", 4]);
    expect(world.calls).toEqual([]);
  });

  test("at another node reads from one that keeps the context", async () => {
    const world = await copied();
    const { sink, watch } = await watching(world, 3);
    await has(sink, 3);
    await append(world.node(1).local, "c");
    await has(sink, 4);
    expect(sink.events).toEqual([1, 2, 3, "caught up 3", 4]);
    expect(sink.received).toEqual(await entriesOf(world.node(1).local, "c"));
    expect(world.node(1).local.watchCounts().watchers).toBe(1);
    watch.close();
    await until("the other node forgets it", () => world.node(1).local.watchCounts().watchers === 0);
    expect(world.node(3).ledger.proxiedWatches).toBe(0);
  });

  test("goes on at another node, without a gap or a repeat, when its node dies", async () => {
    const world = await copied();
    const { sink } = await watching(world, 3);
    await has(sink, 3);
    await append(world.node(1).local, "c");
    await has(sink, 4);
    await world.copy(1, 2);
    world.kill(1);
    world.moveHome(2);
    await append(world.node(2).local, "c");
    await has(sink, 5);
    expect(sink.events).toEqual([1, 2, 3, "caught up 3", 4, 5]);
  });

  test("waits for a copy that is behind to catch up", async () => {
    const world = await copied();
    const { sink } = await watching(world, 3);
    await append(world.node(1).local, "c");
    await has(sink, 4);
    world.kill(1);
    await Bun.sleep(30);
    await world.copy(1, 2);
    await append(world.node(2).local, "c");
    world.moveHome(2);
    await has(sink, 5);
    expect(sink.events).toEqual([1, 2, 3, "caught up 3", 4, 5]);
  });

  test("goes on when only its stream breaks, again and again", async () => {
    const world = await copied();
    const { sink } = await watching(world, 3);
    for (let sequence = 4; sequence < 20; sequence += 1) {
      if (sequence % 3 === 0) world.breakStreams("n3>n1");
      await append(world.node(1).local, "c");
      await has(sink, sequence);
    }
    expect(sink.sequences).toEqual(Array.from({ length: 19 }, (_, index) => index + 1));
  });

  test("of new entries only begins at the newest, and goes on from there", async () => {
    const world = await copied();
    const { sink } = await watching(world, 3, { from: { sequence: "latest" } });
    await until("caught up", () => sink.events.length === 1);
    world.breakStreams("n3>n1");
    await append(world.node(1).local, "c");
    await has(sink, 1);
    expect(sink.events).toEqual(["caught up 3", 4]);
  });

  test("of a key gets only entries with it", async () => {
    const world = await copied();
    await append(world.node(1).local, "c", { key: "other" });
    const { sink } = await watching(world, 3, { key: "other" });
    await has(sink, 1);
    world.breakStreams("n3>n1");
    await append(world.node(1).local, "c", { key: "other" });
    await has(sink, 2);
    expect(sink.sequences).toEqual([4, 5]);
  });

  test("sends nothing to a sink that is full, and does not take it from the other node", async () => {
    const world = new ClusterWorld({ nodes: 2, holders: 1 });
    for (let count = 0; count < 40; count += 1)
      await append(world.node(1).local, "c", { payload: new Uint8Array(200_000).fill(count) });
    const sink = new RecordingSink();
    sink.room = 1;
    const { watch } = await watching(world, 2, {}, sink);
    await has(sink, 1);
    await Bun.sleep(30);
    expect(sink.spans).toHaveLength(1);
    expect(world.node(1).local.watchCounts().lagging).toBe(1);
    sink.room = Number.POSITIVE_INFINITY;
    watch.resume();
    await has(sink, 40);
    expect(sink.sequences).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  });

  test("with heartbeats gets those of the node it reads from", async () => {
    const world = await copied();
    const { sink } = await watching(world, 3, { heartbeatMs: 100 });
    await has(sink, 3);
    await world.node(1).world.clock.advance(100);
    await until("a heartbeat", () => sink.events.includes("heartbeat 3"));
  });

  test("of a history that was replaced is reset once, or refused", async () => {
    const world = await copied();
    const token = encodeResumeToken(2, new Uint8Array(32).fill(9));
    const from = parseResumeToken(token, "resume_token");
    const { sink } = await watching(world, 3, { from, resets: true });
    await has(sink, 3);
    expect(sink.events).toEqual(["reset 0", 1, 2, 3, "caught up 3"]);
    expect(await factsOf(watching(world, 3, { from }))).toMatchObject({
      code: "ABORTED",
      reason: "HISTORY_REPLACED",
    });
  });

  test("ends, with the error, when no node serves it any more", async () => {
    const world = await copied();
    const { sink } = await watching(world, 3);
    await has(sink, 3);
    world.kill(1);
    world.kill(2);
    await until("the end", () => sink.endedWith !== undefined);
    expect(sink.endedWith?.code).toBe("UNAVAILABLE");
    expect(world.node(3).ledger.proxiedWatches).toBe(0);
  });

  test("ends when this node says so", async () => {
    const world = await copied();
    const { sink } = await watching(world, 3);
    world.node(3).ledger.endWatches(new LedgerError("UNAVAILABLE", "stop", { reason: "TEST" }));
    expect(sink.endedWith?.facts.reason).toBe("TEST");
  });
});

describe("a cursor above a copy", () => {
  test("is that of the home", async () => {
    const world = await copied();
    await append(world.node(1).local, "c");
    const { sink } = await watching(world, 2, { from: { sequence: 4 } });
    await append(world.node(1).local, "c");
    await has(sink, 1);
    expect(sink.events).toEqual(["caught up 4", 5]);
  });

  test.each([2, 3])(
    "that the home does not have either is OUT_OF_RANGE, asked of node %d",
    async (number) => {
      const world = await copied();
      await world.node(1).routing.lead();
      const error = { code: "OUT_OF_RANGE", reason: "SEQUENCE_ABOVE_HEAD", limit: 3 };
      expect(await factsOf(watching(world, number, { from: { sequence: 9 } }))).toMatchObject(error);
    },
  );

  test.each([2, 3])("is UNAVAILABLE while nobody reaches the home, asked of node %d", async (number) => {
    const world = await copied();
    world.cut.add(`n${number}>n1`);
    expect(await factsOf(watching(world, number, { from: { sequence: 9 } }))).toMatchObject({
      code: "UNAVAILABLE",
    });
  });
});

describe("a watch with proofs", () => {
  class ProofSink extends RecordingSink {
    readonly items: ProofItem[] = [];
    proofItems(items: readonly ProofItem[]): boolean {
      this.items.push(...items);
      return true;
    }
  }

  test.each(["", "facts"])(
    "of key %p gives what a watch at the home gives, also across a break",
    async (key) => {
      const world = await copied();
      await append(world.node(1).local, "c", { key: "other" });
      const parts = { proofs: true, key, from: { sequence: 1 } };
      const [there, here] = [new ProofSink(), new ProofSink()];
      await watching(world, 3, parts, there);
      await watching(world, 1, parts, here);
      const through = (sink: ProofSink): number =>
        Math.max(0, ...sink.items.map((item) => (item.kind === "entry" ? item.entry.sequence : 0)));
      await until("what exists", () => through(there) >= 3);
      world.breakStreams("n3>n1");
      await append(world.node(1).local, "c");
      await until("the rest", () => through(there) === 5 && through(here) === 5);
      const proven = (sink: ProofSink): unknown[] =>
        sink.items.map((item) => (item.kind === "entry" ? [item.entry.sequence, item.root] : item.kind));
      expect(proven(there)).toEqual(proven(here));
      expect(there.items[0]).toEqual(here.items[0]);
    },
  );
});
