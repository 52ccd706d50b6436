import { limits } from "../../core/limits.ts";
import type { ContextInfo, ContextPage } from "../../ledger/ledger-api.ts";
import type { ListRange } from "../../ledger/ports.ts";

/**
 * Returns the next page of what all nodes have, from a page of each: every context once, as the node with the most of it
 * says. Goes only as far as every node that has more has told.
 */
export function mergedList(pages: readonly ContextPage[], { limit }: Pick<ListRange, "limit">): ContextPage {
  const entriesMax = limit === 0 ? limits.listContextsDefault : limit;
  const byId = new Map<string, ContextInfo>();
  let bound: string | undefined;
  let more = false;
  for (const page of pages) {
    for (const info of page.contexts) {
      const known = byId.get(info.contextId);
      if (known === undefined || info.head.latest > known.head.latest) byId.set(info.contextId, info);
    }
    if (!page.more) continue;
    more = true;
    const last = page.contexts.at(-1)?.contextId;
    if (last !== undefined && (bound === undefined || compareIds(last, bound) < 0)) bound = last;
  }
  const sorted = [...byId.values()].sort((a, b) => compareIds(a.contextId, b.contextId));
  const told =
    bound === undefined ? sorted : sorted.filter(({ contextId }) => compareIds(contextId, bound) <= 0);
  const contexts = told.slice(0, entriesMax);
  return { contexts, more: more || contexts.length < sorted.length };
}

/** The byte order of UTF-8. */
function compareIds(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
