import type { ContextTable } from "./context-table.ts";
import type { ContextInfo, ContextPage } from "./ledger-api.ts";
import type { Head, ListRange, Store } from "./ports.ts";
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
    const seen = await Promise.all(page.map((context) => visible(parts, context)));
    const contexts = seen.filter((context) => context !== undefined);
    if (contexts.length > 0 || !more) return { contexts, more };
    after = page.at(-1)?.contextId ?? after;
  }
}

/** Returns what may be seen of a context; undefined if that is nothing. */
async function visible(
  { store, contexts }: { readonly store: Store; readonly contexts: ContextTable },
  { contextId, head }: { readonly contextId: string; readonly head: Head },
): Promise<ContextInfo | undefined> {
  const state = contexts.peek(contextId);
  if (state !== undefined && state.shared === undefined) return { contextId, head };
  const committed = state?.head?.latest ?? (await store.replica(contextId))?.committed ?? head.latest;
  const seen = visibleHead(head, committed);
  return seen === undefined ? undefined : { contextId, head: seen };
}
