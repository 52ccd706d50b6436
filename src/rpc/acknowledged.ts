import { assert } from "../core/assert.ts";
import type { Appended } from "../ledger/append-unit.ts";
import type { Inclusion } from "../ledger/integrity.ts";
import type { Ledger } from "../ledger/ledger.ts";

/** An entry as its client is told of it. */
export interface Acknowledged extends Appended {
  /** Set if it was asked for. */
  readonly inclusion?: Inclusion;
}

/**
 * Adds its proof to an entry once it is on disk. If that fails the entry is on disk all the same: a retry with the same
 * idempotency key is answered with the same proof.
 */
export async function withProof(
  ledger: Ledger,
  contextId: string,
  entry: Promise<Appended>,
): Promise<Acknowledged> {
  const appended = await entry;
  const [inclusion] = await ledger.prove(contextId, [appended]);
  return proved(appended, inclusion);
}

/** Adds their proofs to entries once they are on disk, as {@link withProof} does. */
export async function withProofs(
  ledger: Ledger,
  contextId: string,
  entries: Promise<readonly Appended[]>,
): Promise<Acknowledged[]> {
  const appended = await entries;
  const inclusions = await ledger.prove(contextId, appended);
  return appended.map((one, index) => proved(one, inclusions[index]));
}

function proved(appended: Appended, inclusion: Inclusion | undefined): Acknowledged {
  assert(
    inclusion?.size === appended.sequence,
    "an acknowledged entry is proved in the tree that ends with it",
  );
  return { ...appended, inclusion };
}
