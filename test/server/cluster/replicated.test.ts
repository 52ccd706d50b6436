/**
 * Nodes that really replicate: what clients of any of them are told.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { entriesOf, factsOf, input } from "../../support/ledger-world.ts";
import { RecordingSink } from "../../support/ledger-sink.ts";
import { ReplicatedWorld } from "../../support/replicated-world.ts";
import { until } from "../../support/until.ts";

const own = { minCopies: 0 };
const majority = { nodes: 4, replicas: 3, writeCopies: "majority" } as const;
const reading = {
  ...{ contextId: "c", key: "", afterSequence: 0n, limit: 0, maxBytes: 0, minSequence: 0n },
  resumeToken: new Uint8Array(),
};
const watching = {
  ...{ contextId: "c", key: "", from: { sequence: 0 }, heartbeatMs: 0, resets: false, proofs: false },
};

describe("nodes that replicate", () => {
  test("answer appends and reads everywhere, with the copies there are", async () => {
    using world = new ReplicatedWorld(majority);
    for (const [index, { ledger }] of world.nodes.entries()) {
      const appended = await ledger.append("c", input(), own);
      expect(appended).toMatchObject({ sequence: index + 1, holders: 3 });
      expect(appended.copies).toBeGreaterThanOrEqual(2);
    }
    for (const { ledger } of world.nodes) expect((await ledger.get(reading)).latestSequence).toBe(4);
    const [home, , , other] = await world.ordered("c");
    expect(await entriesOf(other?.local ?? home.local, "c")).toEqual([]);
    const { contexts, unanswered } = await home.ledger.list({ prefix: "", startAfter: "", limit: 0 });
    expect([contexts.map(({ head }) => head.latest), unanswered]).toEqual([[4], []]);
  });

  test("wait for as many copies as are asked for, and refuse more than there can be", async () => {
    using world = new ReplicatedWorld(majority);
    for (const { ledger } of world.nodes) {
      expect(await ledger.append("c", input(), { minCopies: 3 })).toMatchObject({ copies: 3, holders: 3 });
      expect(await factsOf(ledger.append("c", input(), { minCopies: 4 }))).toMatchObject({
        ...{ code: "FAILED_PRECONDITION", reason: "TOO_FEW_HOLDERS", limit: 3 },
      });
    }
    const [home] = await world.ordered("c");
    expect((await home.ledger.get(reading)).latestSequence).toBe(4);
  });

  test("go on with another home when one dies, unnoticed by clients of the others", async () => {
    using world = new ReplicatedWorld(majority);
    const [home, second, third, other] = await world.ordered("c");
    if (second === undefined || third === undefined || other === undefined) throw new Error("four nodes");
    const sink = new RecordingSink();
    (await other.ledger.watch(watching, sink)).wake();
    for (let sequence = 1; sequence <= 5; sequence += 1) await other.ledger.append("c", input(), own);
    world.kill(home);
    for (const { ledger } of [second, third, other]) await ledger.append("c", input(), own);
    expect((await other.ledger.get(reading)).latestSequence).toBe(8);
    await until("all entries", () => sink.received.length === 8);
    expect(sink.sequences).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    world.kill(second);
    const lonely = other.ledger.append("c", input(), { minCopies: 0, timeoutMs: 100 });
    expect(await factsOf(lonely)).toMatchObject({ code: "UNAVAILABLE", reason: "TOO_FEW_COPIES" });
    expect((await other.ledger.get(reading)).latestSequence).toBe(8);
  });

  test("go around a cut link between a client's node and the home", async () => {
    using world = new ReplicatedWorld(majority);
    const [home, , , other] = await world.ordered("c");
    if (other === undefined) throw new Error("four nodes");
    world.cut.add(`${other.nodeId}>${home.nodeId}`);
    expect(await other.ledger.append("c", input(), own)).toMatchObject({ sequence: 1 });
    expect((await other.ledger.get(reading)).latestSequence).toBe(1);
  });

  test("restore snapshots and prove appends, whoever is asked", async () => {
    using world = new ReplicatedWorld(majority);
    const [home, , , other] = await world.ordered("c");
    if (other === undefined) throw new Error("four nodes");
    const appended = await other.ledger.append("c", input(), own);
    expect(await other.ledger.prove("c", [appended])).toEqual(await home.ledger.prove("c", [appended]));
    const chunks: Uint8Array[] = [];
    for await (const part of other.ledger.snapshot("c")) if (part.kind === "chunk") chunks.push(part.bytes);
    async function* all(): AsyncGenerator<Uint8Array> {
      yield* chunks;
    }
    const options = { failIfExists: true, expectedRoot: "", allowUnverified: false };
    for (const [index, { ledger }] of world.nodes.entries()) {
      const contextId = `copy-${index}`;
      expect(await ledger.load({ contextId, ...options }, all())).toMatchObject({ latestSequence: 1 });
      expect((await other.ledger.get({ ...reading, contextId })).latestSequence).toBe(1);
    }
  });
});
