import { describe, expect, test } from "bun:test";
import { ClusterWorld, refusal } from "../../support/cluster-world.ts";
import { entriesOf, factsOf, failureOf, input } from "../../support/ledger-world.ts";

const own = { minCopies: 0 };
const latestOf = async (world: ClusterWorld, number: number): Promise<number> =>
  (await entriesOf(world.node(number).local, "c")).length;

describe("an append", () => {
  test("at the home is answered there", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 3 });
    expect(await world.node(1).ledger.append("c", input(), own)).toMatchObject({ sequence: 1, copies: 1 });
    expect(world.calls).toEqual([]);
  });

  test("at any other node is answered by the home, with the same bytes", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 2 });
    const metadata: [string, string][] = [
      ["b", "2"],
      ["__proto__", "p"],
      ["", ""],
    ];
    const given = input({ payload: new Uint8Array(300).fill(255), metadata, receivedLamport: 7n });
    const appended = await world.node(3).ledger.append("c", given, own);
    const again = await world.node(1).local.get({
      ...{ contextId: "c", key: "", afterSequence: 0n, limit: 0, maxBytes: 0, minSequence: 0n },
      resumeToken: new Uint8Array(),
    });
    expect(appended).toMatchObject({ sequence: 1, lamport: 8n, duplicate: false, copies: 1, holders: 1 });
    expect(again.entries.map(({ wire }) => wire)).toEqual([appended.wire]);
    expect(again.entries.map(({ contentHash }) => contentHash)).toEqual([appended.contentHash]);
    expect(world.calls).toEqual(["n3>n1 append 1"]);
  });

  test("of a batch comes back with every receipt", async () => {
    const world = new ClusterWorld({ nodes: 2, holders: 1 });
    const batch = [input({ idempotencyKey: "a" }), input({ payload: "2" }), input({ idempotencyKey: "a" })];
    const there = await world.node(2).ledger.appendBatch("c", batch, own);
    expect(there.map(({ sequence, duplicate }) => [sequence, duplicate])).toEqual([
      [1, false],
      [2, false],
      [1, true],
    ]);
    const entries = await entriesOf(world.node(1).local, "c");
    expect(there.slice(0, 2).map(({ id }) => id)).toEqual(entries.map(({ id }) => id));
  });

  test.each([
    ["no context id", "", {}],
    ["no key", "c", { key: "" }],
    ["a Lamport jump", "c", { receivedLamport: 2n ** 50n }],
    ["an idempotency key of another entry", "c", { idempotencyKey: "k", payload: "other" }],
  ])("with %s fails as at the home", async (_, contextId, parts) => {
    const world = new ClusterWorld({ nodes: 2, holders: 1 });
    await world.node(1).ledger.append("c", input({ idempotencyKey: "k" }), own);
    const [here, there] = [world.node(1), world.node(2)].map(({ ledger }) =>
      failureOf(ledger.append(contextId, input(parts), own)),
    );
    const [a, b] = [await here, await there];
    expect([b?.code, b?.message, b?.facts]).toEqual([a?.code, a?.message, a?.facts]);
  });

  test("goes over two nodes if those disagree about the home, and no further", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 3 });
    world.node(3).routing.home = "n2";
    expect(await world.node(3).ledger.append("c", input(), own)).toMatchObject({ sequence: 1 });
    expect(world.calls).toEqual(["n3>n2 append 1", "n2>n1 append 2"]);
    world.node(1).routing.home = "n3";
    const error = await failureOf(world.node(3).ledger.append("c", input(), own));
    expect(error.facts.reason).toBe("HOME_DISPUTED");
    expect(error.message).toContain(
      "name-n3 takes name-n2 for its home, name-n2 takes name-n1 for its home, name-n1 takes name-n3 for its home",
    );
    expect(await latestOf(world, 1)).toBe(1);
  });

  test("finds the home that the others know of", async () => {
    const world = new ClusterWorld({ nodes: 4, holders: 3 });
    const { routing, ledger } = world.node(4);
    routing.home = "n2";
    world.node(2).routing.leadFailures.push(refusal("NOT_HOME"));
    world.node(2).routing.home = "n2";
    routing.relocated = "n1";
    expect(await ledger.append("c", input(), own)).toMatchObject({ sequence: 1 });
    expect(routing.asked).toEqual(["relocate"]);
    expect(world.calls).toEqual(["n4>n2 append 1", "n4>n1 append 1"]);
  });

  test("goes around a cut link", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 3 });
    world.cut.add("n3>n1");
    expect(await world.node(3).ledger.append("c", input(), own)).toMatchObject({ sequence: 1 });
    expect(world.calls).toEqual(["n3>n2 append 1", "n2>n1 append 2"]);
  });

  test("waits for a new home", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 3 });
    world.kill(1);
    setTimeout(() => world.moveHome(2), 30);
    expect(await world.node(3).ledger.append("c", input(), own)).toMatchObject({ sequence: 1 });
    expect(await latestOf(world, 2)).toBe(1);
  });

  test.each(["NOT_HOME", "TOO_FEW_COPIES", "NOT_JOINED", "DEPOSED", "PEER_HISTORY_MOVED"])(
    "is tried again after %s of the home",
    async (reason) => {
      const world = new ClusterWorld({ nodes: 2, holders: 2 });
      world.node(1).routing.leadFailures.push(refusal(reason), refusal(reason));
      expect(await world.node(2).ledger.append("c", input(), own)).toMatchObject({ sequence: 1 });
      expect(await latestOf(world, 1)).toBe(1);
    },
  );

  test("is given up in time, with what the home said", async () => {
    const world = new ClusterWorld({ nodes: 2, holders: 2 });
    const failures = Array.from({ length: 1000 }, () => refusal("TOO_FEW_COPIES"));
    world.node(1).routing.leadFailures.push(...failures);
    const work = world.node(2).ledger.append("c", input(), { minCopies: 0, timeoutMs: 40 });
    expect(await factsOf(work)).toMatchObject({ code: "UNAVAILABLE", reason: "TOO_FEW_COPIES" });
  });

  test("whose answer was lost is not sent again", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 3 });
    world.lossy.add("n3>n1");
    const facts = await factsOf(world.node(3).ledger.append("c", input(), own));
    expect(facts).toMatchObject({ code: "UNAVAILABLE", reason: "OUTCOME_UNKNOWN" });
    expect(world.calls).toHaveLength(1);
    expect(await latestOf(world, 1)).toBe(1);
  });

  test("whose answer was lost between two other nodes is not sent again", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 3 });
    world.cut.add("n3>n1");
    world.lossy.add("n2>n1");
    const facts = await factsOf(world.node(3).ledger.append("c", input(), own));
    expect(facts).toMatchObject({ code: "UNAVAILABLE", reason: "OUTCOME_UNKNOWN" });
    expect(await latestOf(world, 1)).toBe(1);
  });

  test("with an idempotency key is sent again whatever became of it, and is one entry", async () => {
    const world = new ClusterWorld({ nodes: 2, holders: 2 });
    world.lossy.add("n2>n1");
    setTimeout(() => world.lossy.clear(), 20);
    const appended = await world.node(2).ledger.append("c", input({ idempotencyKey: "k" }), own);
    expect(appended).toMatchObject({ sequence: 1, duplicate: true });
    expect(await latestOf(world, 1)).toBe(1);
  });

  test("at a node that has just lost its part goes to the new home", async () => {
    const world = new ClusterWorld({ nodes: 2, holders: 2 });
    const { ledger, local } = world.node(1);
    await ledger.append("c", input(), own);
    await world.copy(1, 2);
    const { append } = local;
    local.append = () => {
      local.append = append;
      world.moveHome(2);
      return Promise.reject(refusal("NOT_HOME"));
    };
    expect(await ledger.append("c", input(), own)).toMatchObject({ sequence: 2 });
    expect([await latestOf(world, 1), await latestOf(world, 2)]).toEqual([1, 2]);
  });
});

describe("min_copies", () => {
  test.each([1, 3])(
    "above the holders is refused before anything is written, asked of node %d",
    async (number) => {
      const world = new ClusterWorld({ nodes: 3, holders: 2 });
      const { ledger } = world.node(number);
      const refused = { code: "FAILED_PRECONDITION", reason: "TOO_FEW_HOLDERS", value: 3, limit: 2 };
      expect(await factsOf(ledger.append("c", input(), { minCopies: 3 }))).toMatchObject(refused);
      expect(await factsOf(ledger.appendBatch("c", [input()], { minCopies: 3 }))).toMatchObject(refused);
      expect(await latestOf(world, 1)).toBe(0);
    },
  );

  test.each([1, 3])("is waited for, and told, asked of node %d", async (number) => {
    const world = new ClusterWorld({ nodes: 3, holders: 2 });
    world.node(1).routing.copies = 2;
    const { ledger } = world.node(number);
    expect(await ledger.append("c", input(), { minCopies: 2 })).toMatchObject({ copies: 2, holders: 2 });
    const batch = await ledger.appendBatch("c", [input(), input()], { minCopies: 2 });
    expect(batch.map(({ copies, holders }) => [copies, holders])).toEqual([
      [2, 2],
      [2, 2],
    ]);
  });

  test("whose count fails after the entry was written does not write it twice", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 2 });
    world.node(1).routing.copied = () => Promise.reject(refusal("REPLICATION_RESTARTING"));
    const work = world.node(3).ledger.append("c", input(), { minCopies: 2 });
    expect(await factsOf(work)).toMatchObject({ code: "UNAVAILABLE", reason: "OUTCOME_UNKNOWN" });
    expect(await latestOf(world, 1)).toBe(1);
  });

  test("that is not reached leaves the entry there, and is not tried again", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 2 });
    const work = world.node(3).ledger.append("c", input({ idempotencyKey: "k" }), { minCopies: 2 });
    expect(await factsOf(work)).toMatchObject({ code: "UNAVAILABLE", reason: "MIN_COPIES_NOT_REACHED" });
    expect(await latestOf(world, 1)).toBe(1);
    expect(world.calls).toHaveLength(1);
  });
});
