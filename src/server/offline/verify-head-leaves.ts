import { hashBytes, type Hasher } from "../../core/hasher.ts";
import { hex } from "../../core/hex.ts";
import { limits } from "../../core/limits.ts";
import { emptyFrontier, type Frontier, frontierRoot } from "../../core/merkle/frontier.ts";
import { sameBytes } from "../../core/snapshot/same-bytes.ts";
import type { HeadRecord } from "../../core/tlog/head-record.ts";
import type { Head } from "../../ledger/ports.ts";
import type { OfflineStore } from "../../store/offline-store.ts";
import { readHeadRecord } from "./read-head-record.ts";

export interface HeadLeavesParts {
  readonly store: Pick<OfflineStore, "read" | "contentHashes">;
  readonly hasher: Hasher;
  readonly contextId: string;
  /** Of the context. */
  readonly head: Head;
  /** Of the log of logs. */
  readonly nodeHead: Head;
  /** What the context is in now. Leaves of earlier generations are of entries that have lost their place. */
  readonly generation: number;
}

const hashesPerRead = 4096;

/**
 * Yields the leaves of the log of logs that say another root of a context than its entries have, or a size that it does
 * not have. Those of earlier generations are passed over. Reads the content hashes of the context once.
 */
export async function* verifyHeadLeaves(
  parts: HeadLeavesParts,
): AsyncGenerator<{ readonly sequence: number; readonly detail: string }, void> {
  const { store, hasher, contextId, head, generation } = parts;
  let frontier: Frontier = emptyFrontier;
  for await (const { sequence, record } of leavesOf(parts)) {
    const { size, root } = record;
    if (record.generation < generation) continue;
    const said = `it says that context ${JSON.stringify(contextId)} had ${size} entries`;
    if (record.generation > generation)
      yield { sequence, detail: `${said} in generation ${record.generation}, and it is in ${generation}` };
    else if (size > head.latest) yield { sequence, detail: `${said}, and there are ${head.latest}` };
    else if (size < frontier.size)
      yield { sequence, detail: `${said}, and a leaf before it says ${frontier.size}` };
    else {
      const grown = await extendTo(size);
      // The missing entry is a finding of the context itself.
      if (grown === undefined) return;
      frontier = grown;
      const actual = frontierRoot(frontier, "rfc6962", hasher);
      if (!sameBytes(actual, root))
        yield { sequence, detail: `${said} with the root ${hex(root)}, and their root is ${hex(actual)}` };
    }
  }

  async function extendTo(size: number): Promise<Frontier | undefined> {
    let grown = frontier;
    while (grown.size < size) {
      const count = Math.min(hashesPerRead, size - grown.size);
      const hashes = await store.contentHashes(head.log, grown.size + 1, count);
      if (hashes.length < hashBytes * count) return undefined;
      grown = hasher.extend(grown, hashes, "rfc6962");
    }
    return grown;
  }
}

/** Yields what the log of logs has of a context; records that cannot be read are findings of the log of logs itself. */
async function* leavesOf({
  store,
  contextId,
  nodeHead,
}: HeadLeavesParts): AsyncGenerator<{ readonly sequence: number; readonly record: HeadRecord }, void> {
  const { log, latest: through } = nodeHead;
  const { readPageEntries: entriesMax, readPageBytes: bytesMax } = limits;
  for (let after = 0; ;) {
    const page = await store.read({ log, key: contextId, after, through, entriesMax, bytesMax });
    for (const { sequence, wire } of page) {
      const record = readHeadRecord(wire);
      if (record?.contextId === contextId) yield { sequence, record };
      after = sequence;
    }
    if (page.length === 0) return;
  }
}
