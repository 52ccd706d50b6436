import type { FinalCopy, FinalEntry } from "../check/history.ts";
import { call, methods, mustCall } from "../world/call.ts";
import { contentHashOf, type EntryJson } from "./content-hash.ts";
import type { Target } from "./load.ts";

const pageEntries = 1000;

/** Reads all of a context as a node has it itself, and the root it gives. Throws if it cannot be read. */
export async function finalCopyOf({ name, url }: Target, contextId: string): Promise<FinalCopy> {
  const entries: FinalEntry[] = [];
  for (;;) {
    const page = (await mustCall({
      url,
      method: methods.get,
      request: { contextId, afterSequence: String(entries.length), limit: pageEntries, read: "READ_ANY" },
    })) as { readonly entries?: readonly EntryJson[] };
    entries.push(...(page.entries ?? []).map((entry) => finalEntryOf(contextId, entry)));
    if ((page.entries?.length ?? 0) < pageEntries) break;
  }
  const head = await call({
    url,
    method: methods.treeHead,
    request: { contextId, treeSize: String(entries.length) },
  });
  const root = head.ok ? (head.answer["root"] as string | undefined) : undefined;
  return { node: name, contextId, entries, root };
}

function finalEntryOf(contextId: string, entry: EntryJson): FinalEntry {
  const { id, sequence, contentHash, payload = "", metadata = {} } = entry;
  return {
    id,
    sequence: Number(sequence),
    contentHash,
    payload: atob(payload),
    metadata,
    hashFits: contentHashOf(contextId, entry) === contentHash,
  };
}
