import type { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import type { LedgerApi, WatchRequest } from "../ledger/ledger-api.ts";
import type { StoredEntry } from "../ledger/ports.ts";
import type { Span } from "../ledger/tail.ts";
import type { ProofItem } from "../ledger/watcher.ts";
import { throwReason } from "./throw-reason.ts";

/** What a watch brings. */
export type WatchItem =
  | { readonly kind: "entry"; readonly entry: StoredEntry }
  /** Instead of entries, if the request asked for proofs. */
  | { readonly kind: "proof"; readonly item: ProofItem }
  | { readonly kind: "heartbeat" | "caughtUp" | "reset"; readonly sequence: number };

/**
 * Iterates over a watch, at the pace of the consumer; at most `watcherBufferBytes` and one page wait in memory.
 * Throws the signal's reason when that fires (a deadline, a shutdown), LedgerError when the watch ends from this side.
 */
export async function* watchStream(
  ledger: LedgerApi,
  request: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchItem> {
  let queue: WatchItem[] = [];
  let bytes = 0;
  let failure: LedgerError | undefined;
  let wakeConsumer = (): void => {};
  const put = (item: WatchItem): void => {
    queue.push(item);
    wakeConsumer();
  };
  const watcher = await ledger.watch(request, {
    entries(span: Span): boolean {
      for (const entry of span.entries) {
        queue.push({ kind: "entry", entry });
        bytes += entry.wire.length;
      }
      wakeConsumer();
      return bytes < limits.watcherBufferBytes;
    },
    proofItems(items: readonly ProofItem[]): boolean {
      for (const item of items) {
        queue.push({ kind: "proof", item });
        bytes += proofItemBytes(item);
      }
      wakeConsumer();
      return bytes < limits.watcherBufferBytes;
    },
    heartbeat(sequence) {
      // What waits for the consumer says as much.
      if (queue.length === 0) put({ kind: "heartbeat", sequence });
      return true;
    },
    caughtUp: (sequence) => put({ kind: "caughtUp", sequence }),
    reset: (sequence) => put({ kind: "reset", sequence }),
    ended(error) {
      failure = error;
      wakeConsumer();
    },
  });
  const aborted = (): void => wakeConsumer();
  signal.addEventListener("abort", aborted);
  try {
    while (!signal.aborted) {
      watcher.resume();
      if (queue.length === 0 && failure === undefined) {
        await new Promise<void>((resolve) => {
          wakeConsumer = resolve;
        });
        wakeConsumer = () => {};
      }
      const items = queue;
      queue = [];
      bytes = 0;
      for (const item of items) {
        if (signal.aborted) break;
        yield item;
      }
      if (failure !== undefined) throw failure;
    }
    throwReason(signal);
  } finally {
    signal.removeEventListener("abort", aborted);
    watcher.close();
  }
}

function proofItemBytes(item: ProofItem): number {
  switch (item.kind) {
    case "frontier":
      return item.frontier.subtrees.length;
    case "entry":
      return item.entry.wire.length;
    case "skipped":
      return item.hashes.length;
  }
}
