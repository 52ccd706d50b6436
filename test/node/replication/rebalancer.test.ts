import { describe, expect, test } from "bun:test";
import { placementOrder } from "../../../src/core/placement.ts";
import type { ContextReplica } from "../../../src/node/replication/context-replica.ts";
import { Rebalancer } from "../../../src/node/replication/rebalancer.ts";
import type { HolderChange } from "../../../src/sync/holder-change.ts";
import { FakeParts } from "./fake-parts.ts";

const timing = { settleMs: 1000, retryMs: 3000, giveUpMs: 60_000, pauseMs: 5 };
const ids = ["1", "2", "3", "4", "5"].map((digit) => digit.repeat(32));

/** A rebalancer of the node that is placed best, which keeps one context. */
function rebalancing(begun: (placed: readonly string[]) => readonly string[], failures = 0) {
  const fake = new FakeParts();
  const placed = placementOrder("x", ids, fake.parts.hasher);
  const [selfId = ""] = placed;
  fake.roster = ids;
  const changes: string[] = [];
  let left = failures;
  const replica = {
    contextId: "x",
    isHolder: true,
    state: { local: {} },
    terms: { holders: begun(placed), accepted: { counter: 1, nodeId: selfId }, leaving: false },
    changeHolders: async ({ kind, nodeId, holders }: HolderChange) => {
      if (left-- > 0) throw new Error("not now");
      changes.push(`${kind} ${placed.indexOf(nodeId)} at ${Math.round(fake.time.nowMs / 1000)} s`);
      replica.terms.holders = holders;
    },
  };
  const rebalancer = new Rebalancer(
    {
      ...fake.parts,
      view: { ...fake.parts.view, selfId },
      open: async () => replica as unknown as ContextReplica,
      newest: async () => undefined,
      contextIds: async (startAfter) => (startAfter === "" ? ["x"] : []),
    },
    timing,
  );
  return { fake, placed, changes, rebalancer, replica };
}

describe("Rebalancer", () => {
  test("lets the best placed come one by one, and then the others go", async () => {
    const { fake, changes } = rebalancing(([a = "", , , d = "", e = ""]) => [a, d, e]);
    await fake.time.run(10_000);
    expect(changes).toEqual(["add 1 at 1 s", "remove 4 at 1 s", "add 2 at 1 s", "remove 3 at 1 s"]);
  });

  test("tries again what could not be", async () => {
    const { fake, changes } = rebalancing(([a = "", b = ""]) => [a, b], 2);
    await fake.time.run(20_000);
    expect(changes).toEqual(["add 2 at 7 s"]);
  });

  test("replaces who has been dead for long enough, and nobody before", async () => {
    const { fake, placed, changes, rebalancer } = rebalancing((nodeIds) => nodeIds.slice(0, 3));
    fake.dead.add(placed[1] ?? "");
    rebalancer.changed();
    await fake.time.run(59_000);
    expect(changes).toEqual([]);
    await fake.time.run(10_000);
    expect(changes.map((change) => change.split(" at")[0])).toEqual(["add 3", "remove 1"]);
  });

  test("looks at a context whose holders have changed, without a change of the cluster", async () => {
    const { fake, placed, changes, rebalancer, replica } = rebalancing((nodeIds) => nodeIds.slice(0, 3));
    await fake.time.run(10_000);
    replica.terms.holders = placed.slice(0, 4);
    await fake.time.run(10_000);
    expect(changes).toEqual([]);
    rebalancer.holdersChanged("x");
    await fake.time.run(10_000);
    expect(changes).toEqual(["remove 3 at 21 s"]);
  });

  test("does nothing once it is stopped", async () => {
    const { fake, changes, rebalancer } = rebalancing(([a = ""]) => [a]);
    rebalancer.stop();
    rebalancer.changed();
    await fake.time.run(100_000);
    expect(changes).toEqual([]);
  });
});
