import { describe, expect, test } from "bun:test";
import type { WatchRequest } from "../../src/ledger/ledger-api.ts";
import type { ProofItem, Watcher } from "../../src/ledger/watcher.ts";
import { limits } from "../../src/core/limits.ts";
import { nextTurn } from "../support/ledger-clock.ts";
import { RecordingSink } from "../support/ledger-sink.ts";
import { factsOf, get, ledgerWorld } from "../support/ledger-world.ts";
import { branch, second, SharedCopy, third } from "../support/shared-copy.ts";
import { stores } from "./each-store.ts";

async function watch(
  copy: SharedCopy,
  parts: Partial<WatchRequest> = {},
  sink = new RecordingSink(),
): Promise<{ watcher: Watcher; sink: RecordingSink }> {
  const asked = {
    ...{ contextId: "c", key: "", from: { sequence: 0 } as const, heartbeatMs: 0 },
    ...{ resets: true, proofs: false, ...parts },
  };
  const watcher = await copy.world.ledger.watch(asked, sink);
  watcher.wake();
  return { watcher, sink };
}

async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await nextTurn();
}

/** Returns what the other side of a fork has after the first `common` entries. */
async function otherSide(copy: SharedCopy, common: number, payloads: readonly string[]) {
  const other = await branch(ledgerWorld(), (await copy.rows()).slice(0, common), payloads);
  return await other.rows(common);
}

describe.each(stores)("a watcher of a history that was replaced, %s,", (_, withStore) => {
  test("is told of one reset, and then of everything after it", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      await copy.append(["1", "2", "3", "4"]);
      const { sink } = await watch(copy);
      await turns();
      const rows = await otherSide(copy, 2, ["3b", "4b", "5b"]);
      await copy.truncate(2);
      await copy.extend(rows, { epoch: second });
      await turns();
      expect(sink.events).toEqual([1, 2, 3, 4, "caught up 4", "reset 2", 3, 4, 5]);
      const texts = sink.received.map(({ payload }) => new TextDecoder().decode(payload));
      expect(texts).toEqual(["1", "2", "3", "4", "3b", "4b", "5b"]);
    }));

  test("is not told of entries that nobody could see", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      await copy.append(["1", "2"]);
      const { sink } = await watch(copy);
      await copy.append(["3", "4"], { isCommitted: false });
      await turns();
      copy.state.shared?.fail(new Error("deposed") as never);
      const rows = await otherSide(copy, 2, ["3b", "4b"]);
      await copy.truncate(2);
      await copy.extend(rows, { epoch: second });
      await turns();
      expect(sink.events).toEqual([1, 2, "caught up 2", 3, 4]);
      expect(await get(copy.world.ledger, "c")).toMatchObject({ latestSequence: 4 });
    }));

  test("is told once of what happened while it took nothing", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      await copy.append(["1", "2", "3", "4"]);
      const { watcher, sink } = await watch(copy);
      await turns();
      sink.room = 1;
      await copy.append(["5"]);
      await turns();
      const rows = await otherSide(copy, 3, ["4b"]);
      await copy.truncate(3);
      await copy.extend(rows, { epoch: second });
      await turns();
      const others = await otherSide(copy, 1, ["2c", "3c"]);
      await copy.truncate(1, { winner: third, loser: second });
      await copy.extend(others, { epoch: third });
      await turns();
      expect(sink.events).toEqual([1, 2, 3, 4, "caught up 4", 5]);
      sink.makeRoom(watcher, 100);
      await turns();
      expect(sink.events.slice(6)).toEqual(["reset 1", 2, 3]);
    }));

  test("whose client cannot be told is ended with where to go on", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      await copy.append(["1", "2", "3"]);
      const { sink } = await watch(copy, { resets: false });
      await turns();
      await copy.truncate(1);
      await turns();
      expect(sink.events).toEqual([1, 2, 3, "caught up 3", "ended HISTORY_REPLACED"]);
      expect(sink.endedWith).toMatchObject({ code: "ABORTED", facts: { sequence: 1 } });
    }));

  test("that has not come so far sees only what stands", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      await copy.append(["1", "2", "3", "4"]);
      const sink = new RecordingSink();
      const { watcher } = await watch(copy, { from: { sequence: 1 } }, sink);
      const rows = await otherSide(copy, 2, ["3b"]);
      // The first page is being read now.
      const cut = copy.truncate(2);
      await cut;
      await copy.extend(rows, { epoch: second });
      await turns();
      watcher.close();
      const texts = sink.received.map(({ payload }) => new TextDecoder().decode(payload));
      const resets = sink.events.filter((event) => event === "reset 2").length;
      expect(resets).toBeLessThanOrEqual(1);
      expect(texts.slice(-2)).toEqual(resets === 0 ? ["2", "3b"] : [texts.at(-2) ?? "", "3b"]);
    }));

  test("is ended if the copy is given away", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      await copy.append(["1"]);
      const { sink } = await watch(copy);
      await turns();
      await copy.world.ledger.replicas.drop(copy.state);
      expect(sink.events).toEqual([1, "caught up 1", "ended COPY_MOVED"]);
    }));

  test("with proofs gets the tree that it goes on from", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      await copy.append(["1", "2", "3"]);
      const items: string[] = [];
      const sink = Object.assign(new RecordingSink(), {
        proofItems(given: readonly ProofItem[]): boolean {
          for (const item of given)
            items.push(item.kind === "frontier" ? `frontier ${item.frontier.size}` : item.kind);
          return true;
        },
      });
      sink.reset = (sequence) => void items.push(`reset ${sequence}`);
      await watch(copy, { proofs: true }, sink);
      await turns();
      const rows = await otherSide(copy, 1, ["2b"]);
      await copy.truncate(1);
      await copy.extend(rows, { epoch: second });
      await turns();
      expect(items).toEqual([
        ...["frontier 0", "entry", "entry", "entry"],
        ...["reset 1", "frontier 1", "entry"],
      ]);
    }));

  test("sees everything again if the disk refuses to take anything out", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      await copy.append(["1", "2", "3"]);
      const { sink } = await watch(copy);
      await turns();
      store.faults.push({ kind: "fails", failure: "full", written: false });
      await expect(copy.truncate(1)).rejects.toThrow();
      await turns();
      expect((await get(copy.world.ledger, "c")).latestSequence).toBe(3);
      expect(sink.events).toEqual([1, 2, 3, "caught up 3"]);
    }));

  test.each([1, 0])("is told of what the disk took out and did not say, after entry %i", (after) =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      await copy.append(["1", "2", "3"]);
      const { sink } = await watch(copy);
      await turns();
      store.faults.push({ kind: "fails", failure: "unknown", written: true });
      await copy.truncate(after);
      await turns();
      expect((await get(copy.world.ledger, "c")).latestSequence).toBe(after);
      await copy.extend(await otherSide(copy, after, ["b"]), { epoch: second });
      await turns();
      expect(sink.events).toEqual([1, 2, 3, "caught up 3", `reset ${after}`, after + 1]);
    }),
  );
});

describe("a page that is being read", () => {
  test("is not sent if entries of it lost their place meanwhile", async () => {
    const copy = await SharedCopy.of(ledgerWorld());
    const many = Array.from({ length: limits.readPageEntries + 5 }, (_, i) => `p${i}`);
    await copy.append(many);
    const rows = await otherSide(copy, 3, ["b"]);
    const { sink } = await watch(copy);
    await copy.truncate(3);
    await copy.extend(rows, { epoch: second });
    await turns(40);
    const lastReset = sink.events.lastIndexOf("reset 3");
    const after = sink.events.slice(lastReset + 1).filter((event) => typeof event === "number");
    expect(after.at(-1)).toBe(4);
    expect(sink.events.filter((event) => event === "reset 3").length).toBeLessThanOrEqual(1);
    const sequences = sink.events.slice(lastReset + 1).filter((event) => typeof event === "number");
    expect(new Set(sequences).size).toBe(sequences.length);
  });
});

describe.each(stores)("a cursor of an entry that lost its place, %s,", (_, withStore) => {
  test("is answered with the last common sequence, by get() and by watch()", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      await copy.append(["1", "2", "3", "4"]);
      const token = await copy.resumeToken(4);
      const kept = await copy.resumeToken(2);
      await copy.truncate(2);
      await copy.extend(await otherSide(copy, 2, ["3b", "4b", "5b"]), { epoch: second });
      const { ledger } = copy.world;
      expect(await factsOf(get(ledger, "c", { resumeToken: token }))).toMatchObject({
        ...{ code: "ABORTED", reason: "HISTORY_REPLACED", sequence: 2, value: 4 },
      });
      expect((await get(ledger, "c", { resumeToken: kept })).entries).toHaveLength(3);
      const from = { sequence: 4, hashPrefix: token.slice(-8) };
      const { sink } = await watch(copy, { from });
      await turns();
      expect(sink.events).toEqual(["reset 2", 3, 4, 5, "caught up 5"]);
    }));

  test("is known although the context is shorter now", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      await copy.append(["1", "2", "3", "4"]);
      const token = await copy.resumeToken(4);
      await copy.truncate(1);
      const facts = await factsOf(get(copy.world.ledger, "c", { resumeToken: token }));
      expect(facts).toMatchObject({ reason: "HISTORY_REPLACED", sequence: 1 });
    }));

  test("is known to a node that was told of the fork", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld());
      await copy.append(["1", "2", "3", "4"]);
      const token = await copy.resumeToken(4);
      const fork = await copy.forkAt(2);
      const winner = await branch(ledgerWorld({ store }), (await copy.rows()).slice(0, 2), ["b", "c", "d"]);
      const { replicas } = winner.world.ledger;
      expect(await factsOf(get(winner.world.ledger, "c", { resumeToken: token }))).toMatchObject({
        sequence: 0,
      });
      expect(await replicas.recordForks("c", [fork])).toBe(true);
      expect(await replicas.recordForks("c", [fork])).toBe(false);
      expect(await factsOf(get(winner.world.ledger, "c", { resumeToken: token }))).toMatchObject({
        sequence: 2,
      });
    }));

  test("goes back as far as later forks went", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      await copy.append(["1", "2", "3", "4"]);
      const token = await copy.resumeToken(4);
      const rows = await otherSide(copy, 3, ["4b", "5b"]);
      await copy.truncate(3);
      await copy.extend(rows, { epoch: second });
      const others = await otherSide(copy, 1, ["2c", "3c", "4c"]);
      await copy.truncate(1, { winner: third, loser: second });
      await copy.extend(others, { epoch: third });
      const facts = await factsOf(get(copy.world.ledger, "c", { resumeToken: token }));
      expect(facts).toMatchObject({ reason: "HISTORY_REPLACED", sequence: 1 });
    }));
});
