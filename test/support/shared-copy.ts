import type { Epoch } from "../../src/core/epoch.ts";
import type { Appended } from "../../src/ledger/append-unit.ts";
import type { ContextState } from "../../src/ledger/context-state.ts";
import type { ForkRecord, Replica } from "../../src/ledger/ports.ts";
import type { IncomingRow } from "../../src/ledger/incoming-rows.ts";
import { append, get, type LedgerWorld } from "./ledger-world.ts";

export const first: Epoch = { counter: 1, nodeId: "a".repeat(32) };
export const second: Epoch = { counter: 2, nodeId: "b".repeat(32) };
export const third: Epoch = { counter: 3, nodeId: "c".repeat(32) };

/** A ledger's copy of a context that other nodes keep too, as replication handles it: the test is the other nodes. */
export class SharedCopy {
  readonly world: LedgerWorld;
  readonly state: ContextState;

  private constructor(world: LedgerWorld, state: ContextState) {
    this.world = world;
    this.state = state;
  }

  static async of(world: LedgerWorld, contextId = "c"): Promise<SharedCopy> {
    const state = await world.ledger.replicas.acquire(contextId);
    const copy = new SharedCopy(world, state);
    if (state.shared === undefined) await world.ledger.replicas.save(state, copy.replica(0));
    return copy;
  }

  replica(committed: number, epoch: Epoch = first): Replica {
    const { id: contextId } = this.state;
    const holders = [first.nodeId, second.nodeId];
    return {
      ...{ contextId, holders, promised: epoch, accepted: epoch, committed },
      ...{ leaving: false, digestItem: undefined },
    };
  }

  /** Adds entries with these payloads as the home of the context, and lets them be seen unless `isCommitted` is false. */
  async append(payloads: readonly string[], { isCommitted = true } = {}): Promise<Appended[]> {
    const { shared } = this.state;
    if (shared === undefined) throw new Error("the context is shared");
    shared.isWritable = true;
    const appended: Promise<Appended>[] = [];
    const latest = (this.state.local?.latest ?? 0) + payloads.length;
    for (const payload of payloads)
      appended.push(append(this.world.ledger, this.state.id, { payload, idempotencyKey: payload }));
    while ((this.state.local?.latest ?? 0) < latest || this.state.queuedUnits > 0)
      await this.world.clock.yield();
    if (!isCommitted) {
      for (const one of appended) one.catch(() => {});
      return [];
    }
    shared.commit(this.state.local?.latest ?? 0);
    return await Promise.all(appended);
  }

  /** Adds rows as the home sends them. */
  async extend(rows: readonly IncomingRow[], { committed = Infinity, epoch = first } = {}): Promise<void> {
    const latest = (this.state.local?.latest ?? 0) + rows.length;
    const through = Math.min(latest, committed);
    await this.world.ledger.replicas.extend(this.state, rows, this.replica(through, epoch));
    this.state.shared?.commit(through);
  }

  /** Takes out what is after `after`, with the record of a fork if anybody can have seen it. */
  async truncate(after: number, { winner = second, loser = first } = {}): Promise<ForkRecord | undefined> {
    const seen = this.state.head?.latest ?? 0;
    const fork = seen > after ? await this.forkAt(after, { winner, loser }) : undefined;
    const replica = this.replica(Math.min(seen, after), loser);
    await this.world.ledger.replicas.truncate(this.state, after, { replica, fork });
    return fork;
  }

  async forkAt(after: number, { winner = second, loser = first } = {}): Promise<ForkRecord> {
    const rows = await this.rows(after);
    const hashes = new Uint8Array(rows.flatMap(({ contentHash }) => [...contentHash]));
    const foundAtNs = this.world.clock.nowNs();
    return { contextId: this.state.id, after, count: rows.length, hashes, winner, loser, foundAtNs };
  }

  async rows(after = 0): Promise<IncomingRow[]> {
    const range = { after, through: this.state.local?.latest ?? 0, bytesMax: Number.MAX_SAFE_INTEGER };
    return await this.world.ledger.replicas.rows(this.state, range);
  }

  async resumeToken(limit: number): Promise<Uint8Array> {
    return (await get(this.world.ledger, this.state.id, { limit })).resumeToken;
  }
}

/** Returns what a node has that began with the entries of `common` and went its own way after them. */
export async function branch(
  world: LedgerWorld,
  common: readonly IncomingRow[],
  payloads: readonly string[],
): Promise<SharedCopy> {
  const copy = await SharedCopy.of(world);
  if (common.length > 0) await copy.extend(common);
  await copy.append(payloads);
  return copy;
}
