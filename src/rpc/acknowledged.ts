import { assert } from "../core/assert.ts";
import type { Appended, Receipt } from "../ledger/append-unit.ts";
import type { Inclusion } from "../ledger/integrity.ts";
import type { LedgerApi } from "../ledger/ledger-api.ts";

/** An entry as its client is told of it, or what is told of one. */
export type Acknowledged<Entry extends Receipt = Appended> = Entry & {
  /** Set if it was asked for. */
  readonly inclusion?: Inclusion;
};

/** Where the entries of one append are. */
export interface Durability {
  readonly copies: number;
  readonly holders: number;
}

/** Returns what is true of all entries of a batch: the least of their copies. */
export function leastOf(entries: readonly Durability[]): Durability {
  let [least] = entries;
  for (const entry of entries) if (least === undefined || entry.copies < least.copies) least = entry;
  return least ?? { copies: 1, holders: 1 };
}

/**
 * Adds its proof to an entry once it is on disk. If that fails the entry is on disk all the same: a retry with the same
 * idempotency key is answered with the same proof.
 */
export async function withProof(
  ledger: LedgerApi,
  contextId: string,
  entry: Promise<Appended>,
): Promise<Acknowledged> {
  const appended = await entry;
  const [inclusion] = await ledger.prove(contextId, [appended]);
  return proved(appended, inclusion);
}

/** Adds their proofs to entries once they are on disk, as {@link withProof} does. */
export async function withProofs(
  ledger: LedgerApi,
  contextId: string,
  entries: Promise<readonly Receipt[]>,
): Promise<Acknowledged<Receipt>[]> {
  const appended = await entries;
  const inclusions = await ledger.prove(contextId, appended);
  return appended.map((one, index) => proved(one, inclusions[index]));
}

function proved<Entry extends Receipt>(
  appended: Entry,
  inclusion: Inclusion | undefined,
): Acknowledged<Entry> {
  assert(
    inclusion?.size === appended.sequence,
    "an acknowledged entry is proved in the tree that ends with it",
  );
  return { ...appended, inclusion };
}
