import { limits } from "../../core/limits.ts";
import type { LedgerError } from "../../core/errors.ts";
import type { Watching, WatchRequest } from "../../ledger/ledger-api.ts";
import type { StoredEntry } from "../../ledger/ports.ts";
import type { WatchSink } from "../../ledger/watcher.ts";
import { encodeWatchNews } from "./watch-messages.ts";

/**
 * Serves a watch to another node, at the pace at which that takes messages. Throws what the watch fails with; ends when
 * `signal` fires. With proofs it tells the edge of the tree at the cursor, and entries: the rest follows from these.
 */
export async function* watchMessages(
  watch: (request: WatchRequest, sink: WatchSink) => Promise<Watching>,
  request: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let queue: Uint8Array[] = [encodeWatchNews({ kind: "begun" })];
  let bytes = 0;
  let failure: LedgerError | undefined;
  let changed = (): void => {};
  const put = (message: Uint8Array): boolean => {
    queue.push(message);
    bytes += message.length;
    changed();
    return bytes < limits.watcherBufferBytes;
  };
  const sink: WatchSink = {
    entries: (span) => put(span.encoded("peer", entriesMessage)),
    proofItems(items) {
      for (const item of items)
        if (item.kind === "frontier") put(encodeWatchNews({ kind: "edge", frontier: item.frontier }));
      // A watch between nodes is one of all entries: nothing is left out.
      const entries = items.flatMap((item) => (item.kind === "entry" ? [item.entry] : []));
      return put(entriesMessage(entries));
    },
    heartbeat: (sequence) => put(encodeWatchNews({ kind: "heartbeat", sequence })),
    caughtUp: (sequence) => void put(encodeWatchNews({ kind: "caughtUp", sequence })),
    reset: (sequence) => void put(encodeWatchNews({ kind: "reset", sequence })),
    ended(error) {
      failure = error;
      changed();
    },
  };
  const watcher = await watch(request, sink);
  const aborted = (): void => changed();
  signal.addEventListener("abort", aborted);
  try {
    while (!signal.aborted) {
      const messages = queue;
      queue = [];
      bytes = 0;
      for (const message of messages) {
        if (signal.aborted) return;
        yield message;
      }
      if (failure !== undefined) throw failure;
      watcher.resume();
      if (queue.length > 0 || failure !== undefined || signal.aborted) continue;
      await new Promise<void>((resolve) => (changed = resolve));
      changed = () => {};
    }
  } finally {
    signal.removeEventListener("abort", aborted);
    watcher.close();
  }
}

function entriesMessage(entries: readonly StoredEntry[]): Uint8Array {
  return encodeWatchNews({ kind: "entries", entries });
}
