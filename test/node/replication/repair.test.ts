/** What is damaged on one node is mended with what others have, and never taken for another history. */

import { noEpoch } from "../../../src/core/epoch.ts";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { patienceMs, until } from "../../support/until.ts";
import { contextId, flipped, type RepairNode, RepairWorld, textOf } from "./repair-world.ts";

setDefaultTimeout(4 * patienceMs);

const zeros = new Uint8Array(32);

/** What can be damaged about an entry, and the proof that is left of it. */
const damages: readonly [string, number, (node: RepairNode, sequence: number) => Promise<void>][] = [
  ["a payload, its hash is left", 300, (node, sequence) => node.spoilRow(sequence, flipped)],
  [
    "a hash, the payload is left",
    300,
    (node, sequence) => node.spoilRow(sequence, () => ({ contentHash: zeros })),
  ],
  [
    "payload and hash, the node above is left",
    200,
    (node, sequence) => node.spoilRow(sequence, (row) => ({ ...flipped(row), contentHash: zeros })),
  ],
  [
    "payload and hash at the edge of the tree, nothing is left",
    299,
    (node, sequence) => node.spoilRow(sequence, (row) => ({ ...flipped(row), contentHash: zeros })),
  ],
  [
    "payload, hash and the node above, nothing is left",
    200,
    async (node, sequence) => {
      await node.spoilRow(sequence, (row) => ({ ...flipped(row), contentHash: zeros }));
      await node.spoil({ subtrees: [{ log: await node.log(), level: 1, index: 0, root: zeros }] });
    },
  ],
  [
    "bytes that are no entry",
    7,
    (node, sequence) => node.spoilRow(sequence, () => ({ wire: new Uint8Array([255]) })),
  ],
];

describe("RepairKeeper", () => {
  test.each(damages)("mends %s", async (_name, sequence, damage) => {
    using world = new RepairWorld();
    await world.append(300);
    await world.equal();
    const [, follower] = await world.ordered();
    const before = textOf(await follower.rows());
    await damage(follower, sequence);
    expect(textOf(await follower.rows())).not.toBe(before);
    follower.restart();
    await follower.verify();
    await world.equal();
    expect(textOf(await follower.rows())).toBe(before);
    expect(follower.told.filter((each) => each.startsWith(`found ${sequence}:`)).length).toBe(1);
    await follower.verify();
    expect(follower.ledger.scrubbed.damaged).toBe(0);
    expect(follower.replication.reading.repairs.entries).toBe(1);
    await nothingRewound(world);
    await world.append(1);
    await world.equal();
  });

  test("mends the home, which is passed over until then", async () => {
    using world = new RepairWorld();
    await world.append(20);
    await world.equal();
    const [home, second, third] = await world.ordered();
    for (const other of [second, third]) world.away.add(other.nodeId);
    await home.spoilRow(7, flipped);
    home.restart();
    await home.verify();
    expect(await home.replication.route(contextId).catch((error: Error) => error.message)).toContain(
      "none of the nodes",
    );
    world.away.clear();
    world.changed();
    await world.equal();
    expect(await home.replication.route(contextId)).toEqual({ kind: "here" });
    await nothingRewound(world);
  });

  test("waits until somebody has what is needed, and loses no other entry meanwhile", async () => {
    using world = new RepairWorld();
    await world.append(10);
    await world.equal();
    const [first, second, third] = await world.ordered();
    const intact = (await third.rows())[3];
    for (const node of [first, second, third]) await node.spoilRow(4, flipped);
    for (const node of [first, second, third]) await node.verify();
    await Bun.sleep(300);
    for (const { ledger } of [first, second, third]) {
      expect(ledger.scrubbed.damaged).toBe(1);
      const get = { contextId, key: "", minSequence: 0n, maxBytes: 0, resumeToken: new Uint8Array() };
      const read = (afterSequence: bigint, limit: number) => ledger.get({ ...get, afterSequence, limit });
      expect((await read(0n, 3)).entries.length).toBe(3);
      expect((await read(4n, 0)).entries.length).toBe(6);
      expect(await read(3n, 1).catch((error: { code: string }) => error.code)).toBe("DATA_LOSS");
    }
    // One of them gets it back, as from a backup.
    await third.spoilRow(4, () => intact ?? {});
    await third.verify();
    await world.equal();
    await nothingRewound(world);
  });

  test("knows the marks of an earlier run", async () => {
    using world = new RepairWorld();
    await world.append(10);
    await world.equal();
    const [, follower] = await world.ordered();
    for (const other of world.nodes) if (other !== follower) world.away.add(other.nodeId);
    await follower.spoilRow(4, flipped);
    await follower.verify();
    follower.restart();
    world.away.clear();
    world.changed();
    await world.equal();
    expect(follower.told).toContain("healed 4");
  });

  test("computes nodes of the tree anew that are not those of their entries", async () => {
    using world = new RepairWorld();
    await world.append(600);
    await world.equal();
    const [, follower] = await world.ordered();
    const log = await follower.log();
    const before = await follower.store.subtreeRoots(log, 1, 0, 2);
    await follower.spoil({ subtrees: [{ log, level: 1, index: 1, root: zeros }] });
    follower.restart();
    await follower.verify();
    await until("it is mended", () => (follower.ledger.scrubbed.damaged === 0 ? true : undefined));
    expect(await follower.store.subtreeRoots(log, 1, 0, 2)).toEqual(before);
    await world.equal();
    await nothingRewound(world);
  });

  test("exchanges little for one entry of many", async () => {
    using world = new RepairWorld();
    await world.append(2000);
    await world.equal();
    const [, follower] = await world.ordered();
    await follower.spoilRow(1234, flipped);
    const calls = world.calls.length;
    await follower.verify();
    await world.equal();
    const own = world.calls
      .slice(calls)
      .filter(({ from, kind }) => from === follower.nodeId && kind === "rows");
    expect(own.length).toBe(1);
    const { led, takeovers } = (await world.home()).replication.reading;
    expect([led, takeovers]).toEqual([{ contexts: 1, behind: 0, short: 0, entriesWaiting: 0 }, 1]);
    expect(own.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(1000);
  });
});

describe("a difference of two copies", () => {
  // None of these is found by a scrub: what is told of the trees shows it.
  test.each([
    ["a hash of the home", 0, 290],
    ["a hash of a follower", 1, 290],
  ])("is damage, and mended, if it is %s", async (_name, index, sequence) => {
    using world = new RepairWorld();
    await world.append(300);
    await world.equal();
    const before = textOf(await world.up.rows());
    const node = (await world.ordered())[index];
    await node?.spoilRow(sequence, () => ({ contentHash: zeros }));
    for (const each of world.nodes) each.restart();
    await world.append(1);
    await until(
      "it was compared and mended",
      async () => {
        const rows = (await node?.rows()) ?? [];
        return textOf(rows.slice(0, 300)) === before ? true : undefined;
      },
      10_000,
    );
    await world.equal();
    await nothingRewound(world);
  });

  test.each([
    ["the home", 0],
    ["a follower", 1],
  ])("is damage, and mended, if it is a node of the tree of %s", async (_name, index) => {
    using world = new RepairWorld();
    await world.append(600);
    await world.equal();
    const node = (await world.ordered())[index];
    const log = (await node?.log()) ?? 0;
    const before = await node?.store.subtreeRoots(log, 1, 0, 2);
    await node?.spoil({ subtrees: [{ log, level: 1, index: 0, root: zeros }] });
    for (const each of world.nodes) each.restart();
    await world.append(1);
    await until("it was compared and mended", async () =>
      Buffer.compare((await node?.store.subtreeRoots(log, 1, 0, 2)) ?? zeros, before ?? zeros) === 0
        ? true
        : undefined,
    );
    await world.equal();
    await nothingRewound(world);
  });
});

test("damage is found when another node is sent the entry, and mended before it has it", async () => {
  using world = new RepairWorld();
  const [home, second, third] = await world.ordered();
  world.away.add(third.nodeId);
  await world.append(10);
  await until("two have it", async () => (await second.rows()).length === 10);
  const intact = textOf(await second.rows());
  await home.spoilRow(4, flipped);
  // What it has in memory is as it was.
  home.restart();
  world.away.clear();
  world.changed();
  await world.append(1);
  await world.equal();
  expect(textOf((await third.rows()).slice(0, 10))).toBe(intact);
  expect(home.told).toEqual(["found 4: its bytes do not have the hash stored beside it", "healed 4"]);
  await nothingRewound(world);
});

test("a home does not append anew what was damaged in an archive, and takes the rest of it", async () => {
  using world = new RepairWorld({ writeCopies: "1" });
  await world.append(5);
  await world.equal();
  const [home] = await world.ordered();
  const other = new RepairWorld({ writeCopies: "1" });
  await other.append(3);
  const rows = await (await other.home()).rows();
  other[Symbol.dispose]();
  const { accepted: epoch } = (await home.replication.holding(contextId)).holding ?? { accepted: noEpoch };
  const offer = (offered: typeof rows, under = epoch) =>
    home.replication.offer({ contextId, forkedAfter: 0, epoch: under, rows: offered });
  // What is of a node that has not come to this epoch waits: something else of it may come first.
  await expect(offer(rows, { ...epoch, counter: epoch.counter - 1 })).rejects.toThrow("not the home");
  expect((await home.rows()).length).toBe(5);
  const mixed = rows.map((row, index) => (index === 1 ? { ...row, ...flipped(row) } : row));
  expect(await offer(mixed)).toEqual({ settled: false });
  expect((await home.rows()).length).toBe(7);
  expect(await offer([{ sequence: 9, contentHash: zeros, wire: zeros }])).toEqual({ settled: false });
  expect(await offer(rows)).toEqual({ settled: true });
  expect((await home.rows()).length).toBe(8);
});

/** Nothing was archived, and no fork is known. */
async function nothingRewound(world: RepairWorld): Promise<void> {
  for (const { store } of world.nodes) {
    expect(await store.archives(undefined, 10)).toEqual([]);
    expect(await store.forks(undefined, 10)).toEqual([]);
  }
}
