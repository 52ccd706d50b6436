import { describe, expect, test } from "bun:test";
import { hex } from "../../src/core/hex.ts";
import { parseHeadRecord } from "../../src/core/tlog/head-record.ts";
import type { LogName } from "../../src/ledger/integrity.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { expectedRoot, leavesOf } from "../support/expected-tree.ts";
import { appendMany, factsOf, get, type LedgerWorld, ledgerWorld } from "../support/ledger-world.ts";
import { branch, second, SharedCopy } from "../support/shared-copy.ts";
import { stores } from "./each-store.ts";

const context: LogName = { kind: "context", contextId: "c" };

async function otherRows(copy: SharedCopy, common: number, payloads: readonly string[]) {
  const other = await branch(ledgerWorld(), (await copy.rows()).slice(0, common), payloads);
  return await other.rows(common);
}

/** Moves the clock on, so that the log of logs may be brought up to date. */
async function logged(world: LedgerWorld): Promise<void> {
  await world.clock.advance(2000);
  await world.ledger.updateNodeLog();
}

/** Returns what the log of logs says of contexts: `<context>@<generation> <size> <root>`. */
async function leaves({ store }: LedgerWorld): Promise<string[]> {
  const head = await store.head("");
  if (head === undefined) return [];
  const range = { log: head.log, after: 0, through: head.latest, entriesMax: 100, bytesMax: 1 << 20 };
  return (await store.read(range)).map(({ wire }) => {
    const { contextId, generation, size, root } = parseHeadRecord(wire);
    return `${contextId}@${generation} ${size} ${hex(root).slice(0, 8)}`;
  });
}

async function rootNow(ledger: Ledger): Promise<string> {
  return hex(expectedRoot(await leavesOf(ledger, "c"))).slice(0, 8);
}

async function damageIn({ ledger }: LedgerWorld, log: LogName = context): Promise<string[]> {
  const found: string[] = [];
  for await (const step of ledger.integrity.verify(log, undefined))
    if (step.kind === "damage") found.push(`${step.sequence}: ${step.detail}`);
  return found;
}

describe.each(stores)("checkpoints of a history that was replaced, %s,", (_, withStore) => {
  test("begin a new generation if what was signed has lost its place", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      const { ledger, signer } = copy.world;
      await copy.append(["1", "2", "3"]);
      await ledger.integrity.checkpoint(context);
      const rows = await otherRows(copy, 1, ["2b", "3b"]);
      await copy.truncate(1);
      expect(await store.signedHead("c")).toMatchObject({ generation: 2, size: 0 });
      expect((await ledger.integrity.verifierKeys(context)).origin).toBe("test.local/n1/c@2");
      await copy.extend(rows, { epoch: second });
      const { origin, size } = await ledger.integrity.checkpoint(context);
      expect({ origin, size }).toEqual({ origin: "test.local/n1/c@2", size: 3 });
      expect(signer.signed.map(({ body }) => body.split("\n").slice(0, 2))).toEqual([
        ["test.local/n1/c", "3"],
        ["test.local/n1/c@2", "3"],
      ]);
      expect(await damageIn(copy.world)).toEqual([]);
      // A restart knows of it.
      const later = ledgerWorld({ store });
      expect((await later.ledger.integrity.verifierKeys(context)).origin).toBe("test.local/n1/c@2");
      expect(await damageIn(later)).toEqual([]);
    }));

  test("go on in theirs if what was signed still stands", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      const { ledger } = copy.world;
      await copy.append(["1", "2"]);
      await ledger.integrity.checkpoint(context);
      await copy.append(["3"]);
      const rows = await otherRows(copy, 2, ["3b"]);
      await copy.truncate(2);
      await copy.extend(rows, { epoch: second });
      expect(await ledger.integrity.checkpoint(context)).toMatchObject({
        origin: "test.local/n1/c",
        size: 3,
      });
    }));

  test("begin a new generation if only the log of logs had it", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      const { ledger } = copy.world;
      await copy.append(["1", "2", "3"]);
      await logged(copy.world);
      const before = await rootNow(ledger);
      const rows = await otherRows(copy, 1, ["2b", "3b"]);
      await copy.truncate(1);
      await copy.extend(rows, { epoch: second });
      await logged(copy.world);
      expect(await leaves(copy.world)).toEqual([`c@1 3 ${before}`, `c@2 3 ${await rootNow(ledger)}`]);
      expect(await ledger.integrity.contextEvidence("c")).toMatchObject({ generation: 2, head: { size: 3 } });
    }));

  test("a context of which nothing is left signs nothing, and begins anew", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      const { ledger } = copy.world;
      await copy.append(["1", "2"]);
      await ledger.integrity.checkpoint(context);
      const rows = await otherRows(copy, 0, ["1b"]);
      await copy.truncate(0);
      expect(await factsOf(ledger.integrity.checkpoint(context))).toMatchObject({ code: "NOT_FOUND" });
      await copy.extend(rows, { epoch: second });
      expect(await ledger.integrity.checkpoint(context)).toMatchObject({
        origin: "test.local/n1/c@2",
        size: 1,
      });
      expect(await damageIn(copy.world)).toEqual([]);
    }));

  test("a copy that was given away and is kept again begins a new generation", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      const { ledger } = copy.world;
      await copy.append(["1", "2"]);
      await ledger.integrity.checkpoint(context);
      const rows = await copy.rows();
      await ledger.replicas.drop(copy.state);
      await ledger.replicas.drop(copy.state);
      const again = await SharedCopy.of(copy.world);
      await again.extend(rows);
      expect(await ledger.integrity.checkpoint(context)).toMatchObject({
        origin: "test.local/n1/c@2",
        size: 2,
      });
    }));

  test("that are asked for while entries are taken out are of what is left", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      const { ledger } = copy.world;
      await copy.append(["1", "2", "3"]);
      const early = ledger.integrity.checkpoint(context);
      const cut = copy.truncate(1);
      const late = ledger.integrity.checkpoint(context);
      const [first, , last] = await Promise.all([early, cut, late]);
      const next = await ledger.integrity.checkpoint(context);
      const [before, after] = ["test.local/n1/c 3", "test.local/n1/c@2 1"];
      expect([first, next].map(({ origin, size }) => `${origin} ${size}`)).toEqual([before, after]);
      expect([before, after]).toContain(`${last.origin} ${last.size}`);
    }));

  test("a head of what is left says what its entries have", () =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      await copy.append(["1", "22", "333"]);
      const one = await SharedCopy.of(ledgerWorld());
      await one.extend((await copy.rows()).slice(0, 1));
      await copy.truncate(1);
      expect((await store.head("c"))?.bytes).toBe(one.state.local?.bytes ?? 0);
      expect((await store.totals()).bytes).toBe(one.state.local?.bytes ?? 0);
    }));
});

describe("the log of logs", () => {
  test("says of a shared context what is committed, once", async () => {
    const copy = await SharedCopy.of(ledgerWorld());
    await copy.append(["1", "2"]);
    await copy.append(["3"], { isCommitted: false });
    await logged(copy.world);
    await logged(copy.world);
    expect(await leaves(copy.world)).toEqual([`c@1 2 ${await rootNow(copy.world.ledger)}`]);
    copy.state.shared?.commit(3);
    await logged(copy.world);
    expect((await leaves(copy.world)).map((leaf) => leaf.slice(0, 5))).toEqual(["c@1 2", "c@1 3"]);
    expect(await copy.world.store.unlogged(10)).toEqual([]);
  });

  test("has no leaf of a history that was replaced while it was made", async () => {
    const copy = await SharedCopy.of(ledgerWorld());
    const { ledger, store } = copy.world;
    await copy.append(["1", "2", "3"]);
    for (let i = 0; i < 40; i += 1) await appendMany(ledger, `other${i}`, 1);
    const rows = await otherRows(copy, 1, ["2b", "3b"]);
    const old = await rootNow(ledger);
    const update = ledger.updateNodeLog();
    await copy.truncate(1);
    await copy.extend(rows, { epoch: second });
    await update;
    await logged(copy.world);
    const mine = (await leaves(copy.world)).filter((leaf) => leaf.startsWith("c@"));
    const now = `3 ${await rootNow(ledger)}`;
    const isOld = mine[0] === `c@1 3 ${old}`;
    expect(mine.at(-1)).toBe(isOld ? `c@2 ${now}` : `c@1 ${now}`);
    expect(mine.slice(1)).not.toContain(`c@1 3 ${old}`);
    expect(await store.unlogged(10)).toEqual([]);
  });
});

describe("verification", () => {
  test("begins anew when entries are taken out of what it verifies", async () => {
    const copy = await SharedCopy.of(ledgerWorld());
    await copy.append(Array.from({ length: 700 }, (_, i) => `p${i}`));
    const rows = await otherRows(
      copy,
      200,
      Array.from({ length: 600 }, (_, i) => `b${i}`),
    );
    const found: string[] = [];
    let isCut = false;
    for await (const step of copy.world.ledger.integrity.verify(context, undefined)) {
      if (step.kind === "damage") found.push(step.detail);
      if (step.kind === "result") found.push(`${step.head.size} entries, ${step.damaged} damaged`);
      if (step.kind !== "progress" || isCut) continue;
      isCut = true;
      await copy.truncate(200);
      await copy.extend(rows, { epoch: second });
    }
    expect(found).toEqual(["800 entries, 0 damaged"]);
  });

  test("does not take what is not committed for damage", async () => {
    const copy = await SharedCopy.of(ledgerWorld());
    await copy.append(["1", "2"]);
    await copy.append(["3"], { isCommitted: false });
    expect(await damageIn(copy.world)).toEqual([]);
  });

  test("does not take entries for lost that were signed and whose commitment a restart forgot", async () => {
    const copy = await SharedCopy.of(ledgerWorld());
    const { store } = copy.world;
    await copy.append(["1", "2", "3"]);
    await copy.world.ledger.integrity.checkpoint(context);
    await copy.world.ledger.replicas.save(copy.state, copy.replica(2));
    const later = ledgerWorld({ store });
    expect((await get(later.ledger, "c")).latestSequence).toBe(2);
    expect(await damageIn(later)).toEqual([]);
    expect(await later.ledger.integrity.checkpoint(context)).toMatchObject({ size: 3 });
  });

  test("still finds a signed history that was rewritten", async () => {
    const copy = await SharedCopy.of(ledgerWorld());
    const { store } = copy.world;
    await copy.append(["1", "2", "3"]);
    await copy.world.ledger.integrity.checkpoint(context);
    await copy.world.ledger.replicas.save(copy.state, copy.replica(3));
    const signed = await store.signedHead("c");
    if (signed === undefined) throw new Error("it was signed");
    const root = new Uint8Array(32);
    await store.commit({ rows: [], heads: [], signed: [{ ...signed, root }] });
    const later = ledgerWorld({ store });
    expect(await damageIn(later)).toEqual([
      "0: the first 3 entries do not have the root that was signed for them",
    ]);
    expect(await factsOf(later.ledger.integrity.checkpoint(context))).toMatchObject({
      reason: "SIGNED_HISTORY_CHANGED",
    });
  });
});

describe("idempotency across a fork", () => {
  test.each(stores)("a retry is answered with the entry that moved, %s", (_name, withStore) =>
    withStore(async (store) => {
      const copy = await SharedCopy.of(ledgerWorld({ store }));
      const { ledger } = copy.world;
      await copy.append(["1"]);
      const [lost] = await copy.append(["x"]);
      const rows = await otherRows(copy, 1, ["2b"]);
      const archivedRows = (await get(ledger, "c")).entries.slice(1);
      await copy.truncate(1);
      await copy.extend(rows, { epoch: second });
      // The home appends again what lost its place; twice, because it may be offered twice.
      for (let attempt = 0; attempt < 2; attempt += 1) {
        let isOver = false;
        const moved = ledger.appendMoved("c", archivedRows).finally(() => (isOver = true));
        while (!isOver) {
          await copy.world.clock.yield();
          copy.state.shared?.commit(copy.state.local?.latest ?? 0);
        }
        await moved;
      }
      const [retried] = await retry(copy, "x");
      expect(retried).toMatchObject({ id: lost?.id ?? "", sequence: 3, duplicate: true });
      // So it is on a node that has it from the home.
      const follower = await SharedCopy.of(ledgerWorld());
      await follower.extend(await copy.rows());
      const [elsewhere] = await retry(follower, "x");
      expect(elsewhere).toMatchObject({ id: lost?.id ?? "", sequence: 3, duplicate: true });
      expect((await get(ledger, "c")).latestSequence).toBe(3);
    }),
  );

  test("nothing is found by an id that lost its place", async () => {
    const copy = await SharedCopy.of(ledgerWorld());
    await copy.append(["1", "x"]);
    await copy.truncate(1);
    const [again] = await copy.append(["x"]);
    expect(again).toMatchObject({ sequence: 2, duplicate: false });
  });
});

async function retry(copy: SharedCopy, payload: string) {
  const { shared } = copy.state;
  if (shared !== undefined) shared.isWritable = true;
  const input = { key: "facts", metadata: [], receivedLamport: 0n };
  const bytes = new TextEncoder().encode(payload);
  return await copy.world.ledger
    .append("c", { ...input, payload: bytes, idempotencyKey: payload }, { minCopies: 0 })
    .then((appended) => [appended]);
}
