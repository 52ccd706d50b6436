import { describe, expect, test } from "bun:test";
import type { GetRequest } from "../../../src/ledger/ledger-api.ts";
import { ClusterWorld } from "../../support/cluster-world.ts";
import { appendMany, factsOf, failureOf } from "../../support/ledger-world.ts";

function asking(parts: Partial<GetRequest> = {}): GetRequest {
  const unset = { key: "", afterSequence: 0n, limit: 0, maxBytes: 0, minSequence: 0n };
  return { contextId: "c", ...unset, resumeToken: new Uint8Array(), ...parts };
}

/** A context of 3 entries, of which the second holder has 2 and the third none yet. */
async function lagging(nodes = 4): Promise<ClusterWorld> {
  const world = new ClusterWorld({ nodes, holders: 3 });
  await appendMany(world.node(1).local, "c", 2);
  await world.copy(1, 2);
  await appendMany(world.node(1).local, "c", 1);
  return world;
}

const sizeAt = async (
  world: ClusterWorld,
  number: number,
  parts: Partial<GetRequest> = {},
): Promise<number> => (await world.node(number).ledger.get(asking(parts))).latestSequence;

describe("a read", () => {
  test.each([1, 2, 4])("sees everything acknowledged, asked of node %d", async (number) => {
    const world = await lagging();
    const answer = await world.node(number).ledger.get(asking({ limit: 2 }));
    expect(answer).toEqual(await world.node(1).local.get(asking({ limit: 2 })));
    expect(world.node(1).routing.asked).toEqual(["readable"]);
  });

  test("of any copy is answered by the node that is asked, or the first that keeps the context", async () => {
    const world = await lagging();
    expect(await sizeAt(world, 2, { anyCopy: true })).toBe(2);
    expect(world.calls).toEqual([]);
    world.kill(1);
    expect(await sizeAt(world, 4, { anyCopy: true })).toBe(2);
    expect(world.calls).toEqual(["n4>n2 get?any 1"]);
  });

  test("that has a min_sequence is answered by a copy that has it, else by the home", async () => {
    const world = await lagging();
    expect(await sizeAt(world, 2, { minSequence: 2n })).toBe(2);
    expect(world.calls).toEqual([]);
    expect(await sizeAt(world, 2, { minSequence: 3n })).toBe(3);
    expect(world.calls).toEqual(["n2>n1 get 1"]);
  });

  test.each([2, 4])(
    "is answered by a copy when nobody reaches the home, asked of node %d",
    async (number) => {
      const world = await lagging();
      world.dead.add("n1");
      expect(await sizeAt(world, number)).toBe(2);
    },
  );

  test("is answered by a copy when there is no home", async () => {
    const world = await lagging();
    world.kill(1);
    for (const { routing } of world.nodes) routing.home = undefined;
    expect(await sizeAt(world, 2)).toBe(2);
    expect(await sizeAt(world, 4)).toBe(2);
  });

  test("goes around a cut link", async () => {
    const world = await lagging();
    world.cut.add("n4>n1");
    expect(await sizeAt(world, 4)).toBe(3);
    expect(world.calls).toEqual(["n4>n2 get 1", "n2>n1 get 2"]);
  });

  test.each([
    ["a bad context id", { contextId: "" }],
    ["a bad resume token", { resumeToken: new Uint8Array(3) }],
    [
      "a cursor above the head",
      { resumeToken: new Uint8Array([0, 0, 0, 0, 0, 0, 0, 9, 1, 1, 1, 1, 1, 1, 1, 1]) },
    ],
    [
      "a cursor of another history",
      { resumeToken: new Uint8Array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]) },
    ],
  ])("with %s fails as at the home", async (_, parts) => {
    const world = await lagging();
    const here = await failureOf(world.node(1).ledger.get(asking(parts)));
    const there = await failureOf(world.node(4).ledger.get(asking(parts)));
    expect([there.code, there.message, there.facts]).toEqual([here.code, here.message, here.facts]);
  });

  test("of nobody who is alive says so", async () => {
    const world = await lagging();
    for (const number of [1, 2, 3]) world.kill(number);
    expect(await factsOf(world.node(4).ledger.get(asking()))).toMatchObject({
      code: "UNAVAILABLE",
      reason: "HOME_UNREACHABLE",
    });
  });
});

test.each([1, 2, 4])("describe() tells what the home has, asked of node %d", async (number) => {
  const world = await lagging();
  const { log: _, ...head } = (await world.node(1).local.describe("c")).head as { log?: number };
  expect(await world.node(number).ledger.describe("c")).toMatchObject({ contextId: "c", head });
  expect(await factsOf(world.node(number).ledger.describe("none"))).toMatchObject({ code: "NOT_FOUND" });
});

describe("proofs", () => {
  test.each([1, 2, 4])("of appends are the home's, asked of node %d", async (number) => {
    const world = await lagging();
    const { entries } = await world.node(1).local.get(asking());
    expect(await world.node(number).ledger.prove("c", entries)).toEqual(
      await world.node(1).local.prove("c", entries),
    );
  });

  const context = { kind: "context", contextId: "c" } as const;

  test.each([2, 4])("and heads are those of a copy that has them, asked of node %d", async (number) => {
    const world = await lagging();
    const [asked, home] = [world.node(number).ledger.integrity, world.node(1).local.integrity];
    expect(await asked.treeHead(context, 2n, "seed")).toEqual(await home.treeHead(context, 2n, "seed"));
    expect(await asked.treeHead(context, 3n, "rfc6962")).toEqual(await home.treeHead(context, 3n, "rfc6962"));
    expect(await asked.inclusion("c", 1n, 3n, "rfc6962")).toEqual(
      await home.inclusion("c", 1n, 3n, "rfc6962"),
    );
    expect(await asked.consistency(context, 1n, 3n)).toEqual(await home.consistency(context, 1n, 3n));
    expect(await factsOf(asked.treeHead(context, 9n, "rfc6962"))).toEqual(
      await factsOf(home.treeHead(context, 9n, "rfc6962")),
    );
  });

  test("are signed by who has the context", async () => {
    const world = await lagging();
    const [home, holder, other] = [world.node(1), world.node(2), world.node(4)];
    const signed = await other.ledger.integrity.checkpoint(context);
    expect(signed).toEqual(await home.local.integrity.checkpoint(context));
    expect(other.world.signer.signed).toEqual([]);
    expect(await holder.ledger.integrity.checkpoint(context)).toMatchObject({ size: 2 });
    expect(await other.ledger.integrity.evidence("c", 1n)).toEqual(
      await home.local.integrity.evidence("c", 1n),
    );
    expect(await other.ledger.integrity.verifierKeys(context)).toEqual(
      await home.local.integrity.verifierKeys(context),
    );
    const tile = { level: 0, index: 0, width: 3 };
    expect(await other.ledger.integrity.tile(context, tile)).toEqual(
      await home.local.integrity.tile(context, tile),
    );
    expect(await other.ledger.integrity.entryBundle(context, tile)).toEqual(
      await home.local.integrity.entryBundle(context, tile),
    );
    expect((await other.ledger.integrity.checkpoint({ kind: "node" })).size).toBe(0);
  });

  test.each([1, 2, 4])("of everything stored are made where it is, asked of node %d", async (number) => {
    const world = await lagging();
    const steps = await Array.fromAsync(world.node(number).ledger.integrity.verify(context, undefined));
    expect(steps.at(-1)).toMatchObject({ kind: "result", damaged: 0, head: { size: number === 2 ? 2 : 3 } });
  });
});

describe("a list", () => {
  test("has the contexts of all nodes once, as far as they have come", async () => {
    const world = await lagging();
    await appendMany(world.node(3).local, "a", 1);
    await appendMany(world.node(4).local, "é", 1);
    const { contexts, more, unanswered } = await world
      .node(2)
      .ledger.list({ prefix: "", startAfter: "", limit: 0 });
    expect(contexts.map(({ contextId, head }) => [contextId, head.latest])).toEqual([
      ["a", 1],
      ["c", 3],
      ["é", 1],
    ]);
    expect([more, unanswered]).toEqual([false, []]);
  });

  test("in pages leaves nothing out, whoever has what", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 1 });
    const ids = Array.from({ length: 17 }, (_, index) => `c${index}`);
    for (const [index, id] of ids.entries()) await appendMany(world.node((index % 3) + 1).local, id, 1);
    const listed: string[] = [];
    for (let startAfter = ""; ;) {
      const { contexts, more } = await world.node(1).ledger.list({ prefix: "c", startAfter, limit: 2 });
      listed.push(...contexts.map(({ contextId }) => contextId));
      if (!more) break;
      startAfter = listed.at(-1) ?? "";
    }
    expect(listed).toEqual(ids.sort());
  });

  test("says who did not answer", async () => {
    const world = await lagging();
    world.kill(1);
    world.cut.add("n4>n3");
    const { contexts, unanswered } = await world
      .node(4)
      .ledger.list({ prefix: "", startAfter: "", limit: 0 });
    expect(contexts.map(({ head }) => head.latest)).toEqual([2]);
    expect(unanswered).toEqual(["name-n1", "name-n3"]);
  });
});
