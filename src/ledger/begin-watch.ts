import { LedgerError } from "../core/errors.ts";
import type { Hasher } from "../core/hasher.ts";
import type { Frontier } from "../core/merkle/frontier.ts";
import type { ContextState } from "./context-state.ts";
import { isHistoryReplaced } from "./history-replaced.ts";
import type { WatchRequest } from "./ledger-api.ts";
import type { Reader } from "./reader.ts";
import type { Trees } from "./trees.ts";
import { withProofs } from "./watch-proofs.ts";
import type { WatchRegistry } from "./watch-registry.ts";
import type { Watcher, WatchSink } from "./watcher.ts";

export interface BeginWatchParts {
  readonly reader: Pick<Reader, "resolve">;
  readonly trees: Pick<Trees, "frontier">;
  readonly watches: WatchRegistry;
  readonly hasher: Hasher;
}

/**
 * Begins a watch of a context and returns it asleep. If the cursor's entry lost its place, and the sink can tell of that, it
 * is told of a reset. Rejects with LedgerError or StoreError.
 */
export async function beginWatch(
  parts: BeginWatchParts,
  state: ContextState,
  request: WatchRequest,
  sink: WatchSink,
): Promise<Watcher> {
  state.pins += 1;
  try {
    for (;;) {
      const { cuts } = state;
      const begun = await prepared(parts, state, request, sink).catch((error: unknown) => {
        if (state.cuts === cuts) throw error;
      });
      // Entries that were taken out meanwhile may be among those before the cursor.
      if (begun === undefined || state.cuts !== cuts) continue;
      const { key, heartbeatMs, resets, proofs } = request;
      const { cursor, isReset, used, rebase } = begun;
      // A watch with proofs is one of all entries: those without the key are told by their hashes.
      const options = { key: proofs ? "" : key, heartbeatMs, resets };
      const watcher = parts.watches.subscribe({ state, cursor, options, sink: used, rebase });
      if (isReset) sink.reset(cursor);
      return watcher;
    }
  } finally {
    state.pins -= 1;
  }
}

interface Prepared {
  readonly cursor: number;
  readonly isReset: boolean;
  readonly used: WatchSink;
  readonly rebase: ((sequence: number) => Promise<void>) | undefined;
}

async function prepared(
  parts: BeginWatchParts,
  state: ContextState,
  { from, resets, proofs, key }: WatchRequest,
  sink: WatchSink,
): Promise<Prepared> {
  let cursor: number;
  let isReset = false;
  try {
    cursor = await parts.reader.resolve(state, from);
  } catch (error) {
    if (!resets || !isHistoryReplaced(error)) throw error;
    cursor = error.facts.sequence ?? 0;
    isReset = true;
  }
  if (!proofs) return { cursor, isReset, used: sink, rebase: undefined };
  const edge = (size: number): Promise<Frontier> => parts.trees.frontier({ log: state.head?.log ?? 0, size });
  const used = withProofs(sink, { key, frontier: await edge(cursor), hasher: parts.hasher });
  return { cursor, isReset, used, rebase: async (sequence) => used.rebase(await edge(sequence)) };
}

/** Returns UNAVAILABLE: this node has given its copy of a context away. */
export function copyGone(): LedgerError {
  return new LedgerError("UNAVAILABLE", "this node does not keep the context any more", {
    ...{ reason: "COPY_MOVED", field: "context_id" },
    ...{ remedy: "watch again from the last sequence", retryAfterMs: 100 },
  });
}
