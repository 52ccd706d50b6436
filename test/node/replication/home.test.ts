import { expect, test } from "bun:test";
import { contextId, RepairWorld } from "./repair-world.ts";

test("answers that are on their way when a home is none any more name the copies that made their entries final", async () => {
  using world = new RepairWorld();
  await world.append(5);
  await world.equal();
  const [home] = await world.ordered();
  const { lead, terms, state } = await home.replication.open(contextId);
  expect(lead?.holders.length).toBe(3);
  const later = { counter: 99, nodeId: "another" };
  const claim = { contextId, epoch: later, holders: terms?.holders ?? [] };
  expect(await home.replication.prepare(claim)).toMatchObject({ kind: "promised" });
  expect((await home.replication.open(contextId)).lead).toBeUndefined();
  const { shared } = state;
  expect([shared?.copiesOf(1), shared?.copiesOf(5), shared?.holders]).toEqual([2, 2, 3]);
  expect(shared?.copiesOf(6)).toBe(1);
  expect(home.replication.copiesOf(contextId, 5)).toEqual({ copies: 2, holders: 3 });
});
