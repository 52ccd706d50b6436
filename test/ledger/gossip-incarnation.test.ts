import { describe, expect, test } from "bun:test";
import type { LedgerClock } from "../support/ledger-clock.ts";
import { factsOf, type LedgerWorld, ledgerWorld } from "../support/ledger-world.ts";

const startSeconds = 1_700_000_000;
const setClock = (clock: LedgerClock, seconds: number) =>
  void (clock.wallNs = BigInt(seconds) * 1_000_000_000n);
const restarted = ({ store, clock }: LedgerWorld) => ledgerWorld({ store, clock });
const full = { kind: "fails", failure: "full", written: false } as const;

describe("GossipIncarnation.begin()", () => {
  test("returns the unix time in seconds, and has written more before it resolves", async () => {
    const world = ledgerWorld();
    expect(await world.ledger.incarnation.begin()).toBe(startSeconds);
    expect(await world.store.gossipIncarnation()).toBeGreaterThan(startSeconds);
    expect(world.store.commits.length).toBe(1);
  });

  test.each([0, 1, startSeconds - 86_400, startSeconds - 1, startSeconds, startSeconds + 1])(
    "returns more than was ever announced after a restart with the clock at %i",
    async (seconds) => {
      const world = ledgerWorld();
      let announced = await world.ledger.incarnation.begin();
      for (const more of [1, 2, 63, 64, 65, 1000]) {
        announced = startSeconds + more;
        expect(await world.ledger.incarnation.announced(announced)).toBeUndefined();
        const { store, clock } = world;
        setClock(clock, seconds);
        const again = ledgerWorld({ store, clock });
        expect(await again.ledger.incarnation.begin()).toBeGreaterThan(announced);
      }
    },
  );

  test("returns more each time, also within one process and if nothing can be written", async () => {
    const world = ledgerWorld();
    let before = 0;
    for (let turn = 0; turn < 5; turn += 1) {
      world.store.faults.push(full);
      const first = await world.ledger.incarnation.begin();
      expect(first).toBeGreaterThan(before);
      before = first + 100;
      world.store.faults.push(full);
      const failure = await world.ledger.incarnation.announced(before);
      expect(failure?.facts.reason).toBe("DISK_FULL");
    }
    world.store.faults.length = 0;
    expect(await world.ledger.incarnation.announced(before)).toBeUndefined();
    expect(await world.store.gossipIncarnation()).toBeGreaterThanOrEqual(before);
  });

  test("follows a clock that is ahead", async () => {
    const world = ledgerWorld();
    await world.ledger.incarnation.begin();
    setClock(world.clock, startSeconds + 3600);
    expect(await restarted(world).ledger.incarnation.begin()).toBe(startSeconds + 3600);
  });

  test("rejects if what is stored cannot be read: it might be more", async () => {
    const world = ledgerWorld();
    world.store.readFailure = "closed";
    expect(await factsOf(world.ledger.incarnation.begin())).toMatchObject({
      code: "UNAVAILABLE",
      reason: "STORAGE_RESTARTING",
    });
  });

  test.each([2 ** 32 - 2, 2 ** 32 - 1, 2 ** 40])(
    "stays within 32 bits with the clock at %i",
    async (seconds) => {
      const world = ledgerWorld();
      setClock(world.clock, seconds);
      expect(await world.ledger.incarnation.begin()).toBe(Math.min(seconds, 2 ** 32 - 1));
      expect(await world.store.gossipIncarnation()).toBe(2 ** 32 - 1);
      expect(await restarted(world).ledger.incarnation.begin()).toBe(2 ** 32 - 1);
    },
  );
});

describe("GossipIncarnation.announced()", () => {
  test("writes rarely: a hundred contradictions take two commits", async () => {
    const world = ledgerWorld();
    const first = await world.ledger.incarnation.begin();
    for (let more = 1; more <= 100; more += 1) {
      expect(await world.ledger.incarnation.announced(first + more)).toBeUndefined();
      expect(await world.store.gossipIncarnation()).toBeGreaterThanOrEqual(first + more);
    }
    expect(world.store.commits.length).toBe(2);
  });

  test("writes one far ahead at once, and none that is behind", async () => {
    const world = ledgerWorld();
    const first = await world.ledger.incarnation.begin();
    await world.ledger.incarnation.announced(first + 1_000_000);
    expect(await world.store.gossipIncarnation()).toBeGreaterThanOrEqual(first + 1_000_000);
    await world.ledger.incarnation.announced(first + 5);
    expect(world.store.commits.length).toBe(2);
  });

  test("writes the highest that could not be written, whatever comes next", async () => {
    const world = ledgerWorld();
    const first = await world.ledger.incarnation.begin();
    world.store.faults.push(full);
    expect((await world.ledger.incarnation.announced(first + 5000))?.facts.reason).toBe("DISK_FULL");
    expect(await world.ledger.incarnation.announced(first + 1)).toBeUndefined();
    expect(await world.store.gossipIncarnation()).toBeGreaterThanOrEqual(first + 5000);
  });
});
