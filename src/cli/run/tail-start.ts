import { Code, ConnectError } from "@connectrpc/connect";
import type { LedgerClient } from "../../client/ledger-client.ts";

/** Returns a context's newest sequence, 0 if it has no entries. */
export async function latestSequence(
  client: LedgerClient,
  contextId: string,
  signal: AbortSignal,
): Promise<bigint> {
  try {
    return (await client.describe(contextId, { signal })).latestSequence;
  } catch (error) {
    if (error instanceof ConnectError && error.code === Code.NotFound) return 0n;
    throw error;
  }
}

export interface TailRange {
  readonly key: string;
  readonly latest: bigint;
  /** How many of the last entries. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/**
 * Returns the sequence after which the last `limit` entries follow. With a key it looks back in windows
 * that grow, because only a read can tell which sequences have the key.
 */
export async function tailStart(client: LedgerClient, contextId: string, range: TailRange): Promise<bigint> {
  const { key, latest, signal } = range;
  const limit = BigInt(range.limit);
  if (key === "" || limit === 0n) return atLeastZero(latest - limit);
  for (let window = limit * 4n; ; window *= 4n) {
    const after = atLeastZero(latest - window);
    const sequences: bigint[] = [];
    for await (const { sequence } of client.get(contextId, { key, after, signal })) sequences.push(sequence);
    const first = sequences.at(-range.limit);
    if (first !== undefined && sequences.length >= range.limit) return first - 1n;
    if (after === 0n) return 0n;
  }
}

function atLeastZero(sequence: bigint): bigint {
  return sequence > 0n ? sequence : 0n;
}
