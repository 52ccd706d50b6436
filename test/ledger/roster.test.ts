import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import type { Member, MemberState } from "../../src/core/member.ts";
import type { RosterMember } from "../../src/ledger/ports.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { type LedgerClock, nextTurn, outcomeOf } from "../support/ledger-clock.ts";
import { FaultyStore } from "../support/ledger-store.ts";
import { append, factsOf, type LedgerWorld, ledgerWorld } from "../support/ledger-world.ts";
import { workerUrl } from "../store/sample-rows.ts";
import { temporaryDirectory } from "../store/temporary-directory.ts";

const startMs = 1_700_000_000_000;
const idOf = (number: number) => number.toString(16).padStart(32, "0");

interface Sight {
  readonly id?: number | string | undefined;
  readonly name?: string;
  readonly state?: MemberState;
  readonly gossip?: string;
  readonly rpc?: string;
  readonly sinceMs?: number;
  readonly isSelf?: boolean;
}

/** Returns a ledger node as gossip shows it. */
function seen(number: number, sight: Sight = {}): Member {
  const { id = number, rpc } = sight;
  return {
    name: sight.name ?? `node-${number}`,
    gossipAddress: sight.gossip ?? `127.0.0.${number}:7946`,
    state: sight.state ?? "alive",
    incarnation: 1,
    stateSinceMs: sight.sinceMs ?? 0,
    isSelf: sight.isSelf ?? false,
    tags: {
      nodeId: typeof id === "number" ? idOf(id) : id,
      ...(rpc === undefined ? {} : { rpcAddress: rpc }),
    },
  };
}

const self = (state: MemberState = "alive") => seen(1, { state, isSelf: true });
const names = ({ ledger }: LedgerWorld) => ledger.roster.members().map(({ name }) => name);
const aliveOf = ({ ledger }: LedgerWorld, number: number) =>
  ledger.roster.members().find(({ nodeId }) => nodeId === idOf(number))?.lastAliveMs;
const commits = ({ store }: LedgerWorld) => store.commits.length;

/** Lets both clocks go on. */
async function pass(clock: LedgerClock, ms: number): Promise<void> {
  clock.wallNs += BigInt(ms) * 1_000_000n;
  await clock.advance(ms);
}

/** Returns a ledger on the store of `world`, as after a restart. */
const restarted = ({ store, clock }: LedgerWorld) => ledgerWorld({ store, clock });

describe("Roster.update()", () => {
  test("takes up ledger nodes with all that is known of them, and writes them in one commit", async () => {
    const world = ledgerWorld();
    const rpc = "127.0.0.2:50051";
    expect(await world.ledger.roster.update({ members: [seen(2, { rpc }), self()] })).toBeUndefined();
    const times = { firstSeenMs: startMs, lastAliveMs: startMs };
    const wanted: RosterMember[] = [
      { nodeId: idOf(1), name: "node-1", gossipAddress: "127.0.0.1:7946", rpcAddress: undefined, ...times },
      { nodeId: idOf(2), name: "node-2", gossipAddress: "127.0.0.2:7946", rpcAddress: rpc, ...times },
    ];
    expect(world.ledger.roster.members()).toEqual(wanted);
    expect(await world.store.roster()).toEqual(wanted);
    expect(commits(world)).toBe(1);
  });

  test.each<[string, Member]>([
    ["has no node id", seen(2, { id: "" })],
    ["has an id that is too short", seen(2, { id: "ab" })],
    ["has an id in capitals", seen(2, { id: "A".repeat(32) })],
    ["has a name that is too long", seen(2, { name: "é".repeat(128) })],
    ["has a gossip address that is too long", seen(2, { gossip: "a".repeat(513) })],
    ["has an RPC address that is too long", seen(2, { rpc: "a".repeat(513) })],
    ["is dead and no ledger node", seen(2, { id: "", state: "dead" })],
    ["has left", seen(2, { state: "left" })],
  ])("passes over a member that %s", async (_, member) => {
    const world = ledgerWorld();
    expect(await world.ledger.roster.update({ members: [member] })).toBeUndefined();
    expect(names(world)).toEqual([]);
    expect(commits(world)).toBe(0);
  });

  test("keeps the dead, and those that are seen no more", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.update({ members: [self(), seen(2), seen(3)] });
    await world.ledger.roster.update({ members: [self(), seen(2, { state: "dead" })] });
    expect(names(world)).toEqual(["node-1", "node-2", "node-3"]);
    expect((await world.store.roster()).length).toBe(3);
  });

  test("takes up one that is dead and was never seen alive, unless its name is another's by now", async () => {
    const world = ledgerWorld();
    const dead = seen(2, { state: "dead", sinceMs: startMs - 9 });
    await world.ledger.roster.update({ members: [self(), dead, seen(3, { state: "dead", name: "node-1" })] });
    await world.ledger.roster.update({ members: [self(), dead, seen(4, { state: "dead", name: "node-1" })] });
    expect(names(world)).toEqual(["node-1", "node-2"]);
    expect(aliveOf(world, 2)).toBe(startMs - 9);
    expect((await world.store.roster()).length).toBe(2);
    await world.ledger.roster.update({ members: [seen(5, { name: "node-2" })] });
    expect(world.ledger.roster.members().map(({ nodeId }) => nodeId)).toEqual([idOf(1), idOf(5)]);
  });

  test.each([
    ["left", { members: [seen(2, { state: "left" })] }],
    ["was forgotten", { forgotten: [idOf(2)] }],
  ])("loses a member that %s, for good", async (_, update) => {
    const world = ledgerWorld();
    await world.ledger.roster.update({ members: [self(), seen(2)] });
    expect(await world.ledger.roster.update(update)).toBeUndefined();
    await world.ledger.roster.update({ members: [self(), seen(2, { state: "left" })] });
    expect(names(world)).toEqual(["node-1"]);
    expect((await world.store.roster()).map(({ nodeId }) => nodeId)).toEqual([idOf(1)]);
    await world.ledger.roster.update({ members: [seen(2)] });
    expect(names(world)).toEqual(["node-1", "node-2"]);
  });

  test("forgets ids that it does not have without writing", async () => {
    const world = ledgerWorld();
    expect(await world.ledger.roster.update({ forgotten: [idOf(9), "nonsense"] })).toBeUndefined();
    expect(commits(world)).toBe(0);
  });

  test("has nobody once this node has left, until it is back", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.update({ members: [self(), seen(2), seen(3)] });
    await world.ledger.roster.update({ members: [seen(2), self("left"), seen(3)] });
    await world.ledger.roster.update({ members: [seen(2), seen(3)] });
    expect(names(world)).toEqual([]);
    expect(await world.store.roster()).toEqual([]);
    await world.ledger.roster.update({ members: [self(), seen(2)] });
    expect(names(world)).toEqual(["node-1", "node-2"]);
  });
});

describe("Roster.update() of a known node", () => {
  test.each<[string, Sight]>([
    ["gossip address", { gossip: "10.0.0.1:1" }],
    ["RPC address", { rpc: "10.0.0.1:2" }],
    ["state, from dead to alive", { state: "alive" }],
  ])("writes another %s, and keeps when it was first seen", async (_, sight) => {
    const world = ledgerWorld();
    await world.ledger.roster.update({ members: [seen(2)] });
    if (sight.state !== undefined)
      await world.ledger.roster.update({ members: [seen(2, { state: "dead" })] });
    const before = commits(world);
    await pass(world.clock, 5000);
    await world.ledger.roster.update({ members: [seen(2, sight)] });
    expect(commits(world)).toBe(before + 1);
    const { gossip = "127.0.0.2:7946", rpc } = sight;
    const [stored] = await world.store.roster();
    expect(stored).toMatchObject({
      gossipAddress: gossip,
      rpcAddress: rpc as string,
      firstSeenMs: startMs,
      lastAliveMs: startMs + 5000,
    });
  });

  test("gives it another name once the member with the old one is gone, in one view", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.update({ members: [seen(2)] });
    const renamed = seen(2, { name: "renamed", gossip: "10.0.0.2:7946" });
    await world.ledger.roster.update({ members: [renamed, seen(2)] });
    expect(names(world)).toEqual(["node-2"]);
    await world.ledger.roster.update({ members: [renamed, seen(2, { state: "dead" })] });
    expect(await world.store.roster()).toEqual([
      {
        nodeId: idOf(2),
        name: "renamed",
        gossipAddress: "10.0.0.2:7946",
        rpcAddress: undefined,
        firstSeenMs: startMs,
        lastAliveMs: startMs,
      },
    ]);
  });

  test.each<MemberState>(["dead", "left"])(
    "does not mind that a member with its old name is %s",
    async (state) => {
      const world = ledgerWorld();
      await world.ledger.roster.update({ members: [seen(2)] });
      await world.ledger.roster.update({ members: [seen(2, { name: "old", state })] });
      await world.ledger.roster.update({ members: [seen(2)] });
      expect(names(world)).toEqual(["node-2"]);
      expect(commits(world)).toBe(1);
    },
  );

  test("forgets whoever had its name before: a node whose data directory is gone", async () => {
    const { ledger, store } = ledgerWorld();
    await ledger.roster.update({ members: [self(), seen(2, { name: "b" })] });
    await ledger.roster.update({ members: [self(), seen(3, { name: "b" })] });
    const kept = [idOf(1), idOf(3)];
    expect(ledger.roster.members().map(({ nodeId }) => nodeId)).toEqual(kept);
    expect((await store.roster()).map(({ nodeId }) => nodeId)).toEqual(kept);
  });

  test("does not write in turns of two members that claim one node id", async () => {
    const world = ledgerWorld();
    const copy = seen(3, { id: 2 });
    for (const members of [[seen(2), copy], [copy, seen(2)], [copy]]) {
      await world.ledger.roster.update({ members });
    }
    expect(names(world)).toEqual(["node-2"]);
    expect(commits(world)).toBe(1);
  });
});

describe("when a member was last alive", () => {
  test("is right in memory, and written once a minute while nothing else changes", async () => {
    const world = ledgerWorld();
    const members = [self(), seen(2), seen(3)];
    await world.ledger.roster.update({ members });
    for (let second = 1; second <= 180; second += 1) {
      await pass(world.clock, 1000);
      await world.ledger.roster.update({ members });
      expect(aliveOf(world, 2)).toBe(startMs + second * 1000);
    }
    expect(commits(world)).toBe(1 + 3);
    expect((await world.store.roster()).map(({ lastAliveMs }) => lastAliveMs)).toEqual(
      Array.from({ length: 3 }, () => startMs + 180_000),
    );
  });

  test("is written when it dies, and not while it is suspected", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.update({ members: [seen(2)] });
    await pass(world.clock, 10_000);
    const suspect = seen(2, { state: "suspect", sinceMs: startMs + 8000 });
    await world.ledger.roster.update({ members: [suspect] });
    expect(aliveOf(world, 2)).toBe(startMs + 8000);
    await pass(world.clock, 5000);
    await world.ledger.roster.update({ members: [suspect] });
    expect(commits(world)).toBe(1);
    const dead = seen(2, { state: "dead", sinceMs: startMs + 14_000 });
    for (let i = 0; i < 3; i += 1) await world.ledger.roster.update({ members: [dead] });
    expect(commits(world)).toBe(2);
    expect((await world.store.roster())[0]?.lastAliveMs).toBe(startMs + 8000);
  });

  test("is at most the moment a member was found dead that was alive just before, and never later than now", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.update({ members: [seen(2), seen(3)] });
    await pass(world.clock, 10_000);
    await world.ledger.roster.update({
      members: [
        seen(2, { state: "dead", sinceMs: startMs + 9000 }),
        seen(3, { state: "dead", sinceMs: startMs + 99_000 }),
      ],
    });
    expect([aliveOf(world, 2), aliveOf(world, 3)]).toEqual([startMs + 9000, startMs + 10_000]);
  });

  test("of one that is first seen under suspicion is when that began, and never later than now", async () => {
    const world = ledgerWorld();
    const suspect = { state: "suspect" } as const;
    await world.ledger.roster.update({
      members: [
        seen(2, { ...suspect, sinceMs: startMs - 500 }),
        seen(3, { ...suspect, sinceMs: startMs + 500 }),
      ],
    });
    expect([aliveOf(world, 2), aliveOf(world, 3)]).toEqual([startMs - 500, startMs]);
  });

  test("of a member that is dead all the time costs no writes", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.update({ members: [seen(2)] });
    await world.ledger.roster.update({ members: [seen(2, { state: "dead" })] });
    const before = commits(world);
    for (let minute = 0; minute < 5; minute += 1) {
      await pass(world.clock, 60_000);
      await world.ledger.roster.update({ members: [seen(2, { state: "dead" })] });
    }
    expect(commits(world)).toBe(before);
  });
});

describe("Roster.load()", () => {
  test("knows everyone again after a restart, dead until seen", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.update({ members: [self(), seen(2)] });
    const again = restarted(world);
    expect([again.ledger.roster.isLoaded, names(again)]).toEqual([false, []]);
    await again.ledger.roster.load();
    expect(again.ledger.roster.isLoaded).toBe(true);
    expect(again.ledger.roster.members()).toEqual(world.ledger.roster.members());
    await pass(world.clock, 1000);
    await again.ledger.roster.update({ members: [self(), seen(2, { state: "dead" })] });
    expect([aliveOf(again, 1), aliveOf(again, 2)]).toEqual([startMs + 1000, startMs]);
  });

  test("is part of the first update, so that nobody who is stored is lost", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.update({ members: [self(), seen(2)] });
    const again = restarted(world);
    await again.ledger.roster.update({ members: [seen(3)], forgotten: [idOf(1)] });
    expect(names(again)).toEqual(["node-2", "node-3"]);
    expect((await world.store.roster()).map(({ name }) => name)).toEqual(["node-2", "node-3"]);
  });

  test("says why it cannot read; so does an update, which writes nothing then; both work later", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.update({ members: [self(), seen(2)] });
    const again = restarted(world);
    world.store.readFailure = "io";
    const facts = { code: "UNAVAILABLE", reason: "STORAGE_FAILED" };
    expect(await factsOf(again.ledger.roster.load())).toMatchObject(facts);
    const failure = await again.ledger.roster.update({ members: [seen(3)] });
    expect(failure?.facts.reason).toBe("STORAGE_FAILED");
    expect(again.ledger.roster.isLoaded).toBe(false);
    expect(commits(world)).toBe(1);
    world.store.readFailure = undefined;
    expect(await again.ledger.roster.update({ members: [seen(3)] })).toBeUndefined();
    expect(names(again)).toEqual(["node-1", "node-2", "node-3"]);
  });

  test("reads what a closed file has", async () => {
    using directory = temporaryDirectory();
    const open = () => openSqliteStore({ directory: directory.path, workerUrl });
    const file = await open();
    const world = ledgerWorld({ store: new FaultyStore(file) });
    await world.ledger.roster.update({ members: [self(), seen(2), seen(3)] });
    await world.ledger.roster.update({ members: [seen(3, { state: "left" })] });
    await file.close();
    const reopened = await open();
    const again = ledgerWorld({ store: new FaultyStore(reopened) });
    await again.ledger.roster.load();
    expect(again.ledger.roster.members()).toEqual(world.ledger.roster.members());
    expect(names(again)).toEqual(["node-1", "node-2"]);
    await reopened.close();
  });
});

describe("when the roster cannot be written", () => {
  test.each([
    ["full", false, "DISK_FULL"],
    ["io", false, "STORAGE_FAILED"],
    ["closed", false, "STORAGE_RESTARTING"],
    ["unknown", false, "OUTCOME_UNKNOWN"],
    ["unknown", true, "OUTCOME_UNKNOWN"],
  ] as const)(
    "%s, written %p: it is right in memory, says why, and the next update writes it, whatever that has",
    async (failure, written, reason) => {
      const world = ledgerWorld();
      await world.ledger.roster.update({ members: [self(), seen(2)] });
      world.store.faults.push({ kind: "fails", failure, written });
      const update = { members: [self(), seen(3)], forgotten: [idOf(2)] };
      expect((await world.ledger.roster.update(update))?.facts.reason).toBe(reason);
      expect(names(world)).toEqual(["node-1", "node-3"]);
      expect(await world.ledger.roster.update({})).toBeUndefined();
      expect(await world.store.roster()).toEqual(world.ledger.roster.members());
    },
  );

  test("takes back what a commit of unknown outcome may have written", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.update({ members: [seen(2)] });
    world.store.faults.push({ kind: "fails", failure: "unknown", written: true });
    await world.ledger.roster.update({ members: [seen(2, { gossip: "10.0.0.1:1" })] });
    expect((await world.store.roster())[0]?.gossipAddress).toBe("10.0.0.1:1");
    await world.ledger.roster.update({ members: [seen(2)] });
    expect((await world.store.roster())[0]?.gossipAddress).toBe("127.0.0.2:7946");
  });

  test("counts nodes that come and go, so that what waits stays bounded", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.load();
    let answers = 0;
    for (let number = 0; number <= limits.membersMax; number += 256) {
      const some = Array.from({ length: 256 }, (_, i) => seen(number + i));
      world.store.faults.push({ kind: "fails", failure: "full", written: false });
      const failure = await world.ledger.roster.update({ members: some });
      expect(failure?.facts.reason).toBe("DISK_FULL");
      world.store.faults.push({ kind: "fails", failure: "full", written: false });
      await world.ledger.roster.update({ forgotten: some.map((_, i) => idOf(number + i)) });
      answers += 1;
    }
    expect(answers * 256).toBeGreaterThan(limits.membersMax);
    expect((await world.ledger.roster.update({ members: [seen(0)] }))?.facts.reason).toBe("ROSTER_FULL");
    expect(await world.ledger.roster.update({ members: [seen(0)] })).toBeUndefined();
    expect((await world.store.roster()).length).toBe(1);
    const changed = world.store.commits.map(({ roster }) => roster?.remove.length ?? 0);
    expect(Math.max(...changed)).toBeLessThanOrEqual(4096);
  });
});

describe("writes of the roster", () => {
  test("happen one at a time: what changes meanwhile goes together with the next", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.load();
    world.store.hold();
    const updates = Array.from({ length: 50 }, (_, i) =>
      world.ledger.roster.update({ members: [seen(i + 1)] }),
    );
    await nextTurn();
    expect(names(world).length).toBe(50);
    expect(await outcomeOf(Promise.race(updates))).toBe("still waiting");
    expect(commits(world)).toBe(1);
    world.store.release();
    expect(await Promise.all(updates)).toEqual(updates.map(() => undefined));
    expect(commits(world)).toBe(2);
    expect((await world.store.roster()).length).toBe(50);
  });

  test("resolve an update once its own change is on disk, not one before it", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.load();
    world.store.hold();
    const first = world.ledger.roster.update({ members: [seen(1)] });
    await nextTurn();
    world.store.faults.push(undefined, { kind: "fails", failure: "full", written: false });
    const second = world.ledger.roster.update({ members: [seen(2)] });
    world.store.release();
    expect((await second)?.facts.reason).toBe("DISK_FULL");
    await first;
    expect((await world.store.roster()).map(({ name }) => name)).toEqual(["node-1"]);
  });

  test("include what becomes of a member while it is being written", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.load();
    world.store.hold();
    const first = world.ledger.roster.update({ members: [seen(1), seen(2)] });
    await nextTurn();
    const moved = seen(1, { gossip: "10.0.0.1:7946" });
    const second = world.ledger.roster.update({ members: [moved], forgotten: [idOf(2)] });
    world.store.release();
    expect(await Promise.all([first, second])).toEqual([undefined, undefined]);
    const stored = await world.store.roster();
    expect(stored.map(({ gossipAddress }) => gossipAddress)).toEqual(["10.0.0.1:7946"]);
  });

  test("share the queue of appends: one commit, one order", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.load();
    await append(world.ledger, "c");
    world.store.hold();
    const held = append(world.ledger, "c");
    await nextTurn();
    const both = [append(world.ledger, "c"), world.ledger.roster.update({ members: [seen(1)] })];
    await nextTurn();
    world.store.release();
    await Promise.all([held, ...both]);
    const last = world.store.commits.at(-1);
    expect([last?.rows.length, last?.roster?.put.length]).toEqual([1, 1]);
  });

  test("end before the ledger is drained", async () => {
    const world = ledgerWorld();
    await world.ledger.roster.load();
    void world.ledger.roster.update({ members: [seen(1)] });
    await world.ledger.drained();
    expect((await world.store.roster()).length).toBe(1);
  });
});

describe("a full roster", () => {
  test("refuses whoever is new, takes in what changes, and has room once somebody is forgotten", async () => {
    const world = ledgerWorld();
    const members = Array.from({ length: limits.membersMax }, (_, i) => seen(i));
    expect(await world.ledger.roster.update({ members })).toBeUndefined();
    expect(Math.max(...world.store.commits.map(({ roster }) => roster?.put.length ?? 0))).toBe(4096);
    const moved = seen(5, { gossip: "10.0.0.5:7946" });
    const failure = await world.ledger.roster.update({
      members: [seen(limits.membersMax, { name: "one more" }), moved],
    });
    expect(failure).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      facts: { reason: "ROSTER_FULL", value: "one more", limit: limits.membersMax },
    });
    const stored = await world.store.roster();
    expect([stored.length, stored[5]?.gossipAddress]).toEqual([limits.membersMax, "10.0.0.5:7946"]);
    const update = { members: [seen(limits.membersMax)], forgotten: [idOf(7)] };
    expect(await world.ledger.roster.update(update)).toBeUndefined();
    expect((await world.store.roster()).at(-1)?.nodeId).toBe(idOf(limits.membersMax));
  });
});
