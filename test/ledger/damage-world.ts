import { checkAppend } from "../../src/core/validate.ts";
import { loadHasher } from "../../src/hash/load-hasher.ts";
import type { Appended } from "../../src/ledger/append-unit.ts";
import { Appender } from "../../src/ledger/appender.ts";
import { Committer } from "../../src/ledger/committer.ts";
import type { Origin } from "../../src/ledger/context-state.ts";
import { ContextTable } from "../../src/ledger/context-table.ts";
import { DamageList } from "../../src/ledger/damage-list.ts";
import { IdSource } from "../../src/ledger/id-source.ts";
import type { VerifyStep } from "../../src/ledger/integrity.ts";
import type { DamageObserver } from "../../src/ledger/observer.ts";
import type { Store, StoredEntry } from "../../src/ledger/ports.ts";
import { Reader } from "../../src/ledger/reader.ts";
import { Verification } from "../../src/ledger/verification.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { LedgerClock } from "../support/ledger-clock.ts";
import { input, seededRandom } from "../support/ledger-world.ts";

export const hasher = await loadHasher();

/** The parts of a ledger that find damage and keep it from readers, on a store whose answers a test changes. */
export interface DamageWorld {
  readonly store: Store;
  /** Take the place of the store's own methods. */
  readonly overrides: Partial<Store>;
  /** The store as it is without them. */
  readonly intact: Store;
  readonly clock: LedgerClock;
  readonly contexts: ContextTable;
  readonly committer: Committer;
  readonly appender: Appender;
  readonly reader: Reader;
  readonly damage: DamageList;
  readonly verification: Verification;
  /** What the observer was told, oldest first. */
  readonly reports: string[];
  readonly observer: DamageObserver;
}

/** `intact` is the store of an earlier world, as after a restart. */
export function damageWorld(intact: Store = createMemoryStore()): DamageWorld {
  const overrides: Partial<Store> = {};
  const store = overridden(intact, overrides);
  const clock = new LedgerClock();
  const contexts = new ContextTable(store);
  const reports: string[] = [];
  const observer: DamageObserver = {
    found: ({ contextId, sequence, entries, detail }) =>
      void reports.push(`${contextId} ${sequence} (${entries}): ${detail}`),
    healed: ({ contextId, sequence, entries }) =>
      void reports.push(`${contextId} ${sequence} (${entries}) healed`),
    scrubFailed: (error) => void reports.push(`scrub failed: ${String(error)}`),
  };
  const committer = new Committer({
    store,
    clock,
    hasher,
    observer: { advanced: () => {}, measured: () => {} },
  });
  const damage = new DamageList({ store, committer, observer });
  const origin: Origin = { clock, hasher, ids: new IdSource(seededRandom(7)), newLog: () => store.newLog() };
  return {
    store,
    overrides,
    intact,
    clock,
    contexts,
    committer,
    appender: new Appender({ contexts, committer, store, origin }),
    reader: new Reader({ store, contexts, clock, damage }),
    damage,
    verification: new Verification({ store, contexts, clock, hasher, damage }),
    reports,
    observer,
  };
}

/** Appends entries with the payloads p1, p2 and so on, with keys in turn. */
export async function fill(
  { appender }: Pick<DamageWorld, "appender">,
  contextId: string,
  count: number,
  keys: readonly string[] = ["facts"],
): Promise<Appended[]> {
  const entries: Appended[] = [];
  for (let start = 0; start < count; start += 1000) {
    const batch = Array.from({ length: Math.min(1000, count - start) }, (_, i) =>
      checkAppend(
        input({
          key: keys[(start + i) % keys.length] ?? "",
          payload: `p${start + i + 1}`,
          metadata: [["n", String(start + i + 1)]],
        }),
      ),
    );
    entries.push(...(await appender.append(contextId, batch)));
  }
  return entries;
}

/** Changes the row at `sequence` of every log wherever it is read; undefined takes it away. */
export function spoilRow(
  world: DamageWorld,
  sequence: number,
  edit: (row: StoredEntry) => StoredEntry | undefined,
): void {
  const read = world.overrides.read ?? ((range) => world.intact.read(range));
  world.overrides.read = async (range) =>
    (await read(range)).flatMap((row) => (row.sequence === sequence ? (edit(row) ?? []) : row));
}

/** Flips one bit of a row's wire, in the payload unless a bit is given. */
export function flipped(row: StoredEntry, bit?: number): StoredEntry {
  const wire = row.wire.slice();
  const at = bit ?? 8 * Buffer.from(wire).indexOf("p");
  wire[at >>> 3] = (wire[at >>> 3] ?? 0) ^ (1 << (at & 7));
  return { ...row, wire };
}

/** Returns every step of a verification. */
export async function stepsOf(
  { verification }: Pick<DamageWorld, "verification">,
  contextId: string,
  signal?: AbortSignal,
): Promise<VerifyStep[]> {
  const steps: VerifyStep[] = [];
  for await (const step of verification.verify(contextId, signal)) steps.push(step);
  return steps;
}

/** Returns what a verification found to be damaged, and how many it says there are. */
export async function damageOf(
  world: Pick<DamageWorld, "verification">,
  contextId: string,
): Promise<{ found: string[]; damaged: number }> {
  const steps = await stepsOf(world, contextId);
  const found = steps.flatMap((step) => (step.kind === "damage" ? `${step.sequence}: ${step.detail}` : []));
  const last = steps.at(-1);
  if (last?.kind !== "result") throw new Error("the last step is no result");
  return { found, damaged: last.damaged };
}

/** Returns a store that asks `overrides` first. */
function overridden(inner: Store, overrides: Partial<Store>): Store {
  return new Proxy(inner, {
    get(target, name: keyof Store) {
      const method = overrides[name] ?? target[name];
      return (method as (...args: unknown[]) => unknown).bind(target);
    },
  });
}
