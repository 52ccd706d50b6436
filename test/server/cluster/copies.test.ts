import { describe, expect, test } from "bun:test";
import { LedgerError } from "../../../src/core/errors.ts";
import type { LedgerApi } from "../../../src/ledger/ledger-api.ts";
import { ClusterWorld, refusal } from "../../support/cluster-world.ts";
import { appendMany, entriesOf, factsOf } from "../../support/ledger-world.ts";

const input = { contextId: "c", failIfExists: false, expectedRoot: "", allowUnverified: false };

async function bytesOf(ledger: LedgerApi, contextId = "c"): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const part of ledger.snapshot(contextId)) if (part.kind === "chunk") chunks.push(part.bytes);
  return Buffer.concat(chunks);
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe("a snapshot", () => {
  test("is that of the home, asked of a node that does not keep the context", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 2 });
    await appendMany(world.node(1).local, "c", 700);
    expect(await bytesOf(world.node(3).ledger)).toEqual(await bytesOf(world.node(1).local));
    const parts = await Array.fromAsync(world.node(3).ledger.snapshot("c"));
    expect(parts.at(-1)).toMatchObject({ kind: "summary", summary: { count: 700, latestSequence: 700 } });
  });

  test("is that of another copy when the home is not reached", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 2 });
    await appendMany(world.node(1).local, "c", 3);
    await world.copy(1, 2);
    world.cut.add("n3>n1");
    expect((await Array.fromAsync(world.node(3).ledger.snapshot("c"))).at(-1)).toMatchObject({
      summary: { count: 3 },
    });
  });

  test("of nobody who is reached is UNAVAILABLE, and a bad id is refused at once", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 2 });
    world.kill(1);
    world.kill(2);
    expect(await factsOf(bytesOf(world.node(3).ledger))).toMatchObject({ code: "UNAVAILABLE" });
    expect(await factsOf(() => world.node(3).ledger.snapshot(""))).toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

describe("a load", () => {
  test.each([1, 2, 3])("is done by the home, asked of node %d", async (number) => {
    const source = new ClusterWorld({ nodes: 1, holders: 1 });
    await appendMany(source.node(1).local, "c", 300);
    const snapshot = await bytesOf(source.node(1).local);
    const world = new ClusterWorld({ nodes: 3, holders: 2 });
    world.node(1).routing.leadFailures.push(refusal("NOT_HOME"));
    expect(await world.node(number).ledger.load(input, pieces(snapshot, 1000))).toMatchObject({
      ...{ entriesRestored: 300, entriesAdded: 300, latestSequence: 300, unverified: false },
    });
    expect(await entriesOf(world.node(1).local, "c")).toEqual(await entriesOf(source.node(1).local, "c"));
  });

  test("that is damaged, or goes on too early, fails as at the home", async () => {
    const source = new ClusterWorld({ nodes: 1, holders: 1 });
    await appendMany(source.node(1).local, "c", 30);
    const snapshot = await bytesOf(source.node(1).local);
    snapshot[100] = (snapshot[100] ?? 0) ^ 1;
    const world = new ClusterWorld({ nodes: 3, holders: 2 });
    const there = await factsOf(world.node(3).ledger.load(input, pieces(snapshot, 64)));
    expect(there).toEqual(await factsOf(world.node(1).ledger.load(input, pieces(snapshot, 64))));
    const short = snapshot.subarray(0, 50);
    expect(await factsOf(world.node(3).ledger.load(input, pieces(short, 64)))).toEqual(
      await factsOf(world.node(1).ledger.load(input, pieces(short, 64))),
    );
  });

  test("whose client goes is forgotten by the home, and throws what the client's side throws", async () => {
    const world = new ClusterWorld({ nodes: 3, holders: 2 });
    const gone = new LedgerError("CANCELLED", "gone", { reason: "TEST" });
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(3);
      throw gone;
    }
    expect(await factsOf(world.node(3).ledger.load(input, broken()))).toMatchObject({ reason: "TEST" });
    expect(world.calls).toEqual(["n3>n1 load 1", "n3>n1 load 1", "n3>n1 load 1"]);
  });
});
