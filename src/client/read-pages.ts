import { type Entry, type GetResponse, Read } from "../gen/converge/context/v1/context_pb.ts";

/** Which entries to read, and from which copy. */
export interface PageRange {
  /** Exclusive: the last sequence the caller has. 0, the default, is the beginning. */
  readonly after?: bigint;
  /** At most this many entries; all unless given. */
  readonly limit?: number;
  /** Only entries with this key. */
  readonly key?: string;
  /** `any`: also a node that is not home to the context may answer, from its own copy. `home` unless given. */
  readonly read?: "home" | "any";
  /** Wait until the context has this sequence. Unless given, the last one that this client was acknowledged. */
  readonly minSequence?: bigint;
}

/** What one call asks for. */
export interface PageRequest {
  readonly key: string;
  readonly afterSequence: bigint;
  readonly resumeToken: Uint8Array;
  readonly limit: number;
  readonly maxBytes: number;
  readonly minSequence: bigint;
  readonly read: Read;
}

const pageBytes = 4 * 1024 * 1024;

/** Reads entries in order, one page at a time. */
export async function* readPages(
  { after = 0n, limit, key = "", read: copy = "home", minSequence = 0n }: PageRange,
  get: (request: PageRequest) => Promise<GetResponse>,
): AsyncGenerator<Entry, void> {
  let resumeToken: Uint8Array = new Uint8Array(0);
  let left = limit ?? Infinity;
  const fixed = { key, afterSequence: after, maxBytes: pageBytes, minSequence };
  const read = copy === "any" ? Read.ANY : Read.UNSPECIFIED;
  while (left > 0) {
    const pageLimit = left === Infinity ? 0 : Math.min(left, 2 ** 32 - 1);
    const page = await get({ ...fixed, read, resumeToken, limit: pageLimit });
    yield* page.entries;
    if (!page.more) return;
    left -= page.entries.length;
    resumeToken = page.resumeToken;
  }
}
