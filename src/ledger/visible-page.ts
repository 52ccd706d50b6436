import type { ContextTable } from "./context-table.ts";
import type { ContextInfo, ContextPage } from "./ledger-api.ts";
import type { Head, ListRange, Replica, Store } from "./ports.ts";
import { visibleHead } from "./shared-context.ts";

/**
 * Returns a page of contexts, each as far as it is committed. One without committed entries is left out, so a page may have
 * fewer than `limit`; it is empty only if nothing follows. Throws StoreError.
 */
export async function visiblePage(
  parts: { readonly store: Store; readonly contexts: ContextTable },
  { prefix, startAfter, limit }: ListRange,
): Promise<ContextPage> {
  const { store } = parts;
  const isShared = (await store.replicas("", 1)).length > 0;
  for (let after = startAfter; ;) {
    const stored = await store.list({ prefix, startAfter: after, limit: limit + 1 });
    const more = stored.length > limit;
    const page = stored.slice(0, limit);
    if (!isShared) return { contexts: page, more };
    const contexts: ContextInfo[] = [];
    for (const { contextId, head: local } of page) {
      const head = await visibleHeadOf(parts, contextId, local);
      if (head !== undefined) contexts.push({ contextId, head });
    }
    if (contexts.length > 0 || !more) return { contexts, more };
    after = page.at(-1)?.contextId ?? after;
  }
}

/**
 * Returns what may be seen of a context whose head on the disk is `local`; undefined if that is nothing. Does not put the
 * context in memory.
 */
export async function visibleHeadOf(
  parts: {
    readonly store: { replica(contextId: string): Promise<Replica | undefined> };
    readonly contexts: Pick<ContextTable, "peek">;
  },
  contextId: string,
  local: Head,
): Promise<Head | undefined> {
  const state = parts.contexts.peek(contextId);
  if (state !== undefined)
    return state.shared === undefined ? local : visibleHead(local, state.head?.latest ?? 0);
  const replica = await parts.store.replica(contextId);
  return replica === undefined ? local : visibleHead(local, replica.committed);
}
