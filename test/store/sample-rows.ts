import type { Commit, Head, NewRow, RosterMember, Store } from "../../src/ledger/ports.ts";

/** Where the Worker's entry file is when tests run from source. */
export const workerUrl = new URL("../../src/store/writer-worker.ts", import.meta.url);

/** A page from the beginning of a log, without the log. */
export const wholeLog = { after: 0, through: 2 ** 50, entriesMax: 512, bytesMax: 2 ** 20 };

export interface RowOptions {
  readonly key?: string;
  readonly id?: string;
  readonly wireBytes?: number;
}

/** Returns a row whose bytes are told by its log and sequence. */
export function sampleRow(log: number, sequence: number, options: RowOptions = {}): NewRow {
  const seed = (log * 31 + sequence) % 251;
  return {
    log,
    sequence,
    key: options.key ?? "facts",
    findableId: options.id,
    contentHash: new Uint8Array(32).fill(seed),
    wire: new Uint8Array(options.wireBytes ?? 16).fill(seed),
  };
}

/** Returns rows `first` to `last` of a log. */
export function sampleRows(log: number, first: number, last: number, options: RowOptions = {}): NewRow[] {
  return Array.from({ length: last - first + 1 }, (_, index) => sampleRow(log, first + index, options));
}

export function sampleHead(log: number, latest: number): Head {
  return {
    log,
    latest,
    lamport: BigInt(latest) * 2n,
    appendedAtNs: 1_700_000_000_000_000_000n + BigInt(latest),
    bytes: latest * 16,
    createdAtNs: 1_700_000_000_000_000_000n,
  };
}

/** Returns a member that is told by its number. */
export function sampleMember(number: number, parts: Partial<RosterMember> = {}): RosterMember {
  return {
    nodeId: number.toString(16).padStart(32, "0"),
    name: `node-${number}`,
    gossipAddress: `127.0.0.${number % 256}:7946`,
    rpcAddress: `127.0.0.${number % 256}:50051`,
    firstSeenMs: 1_700_000_000_000 + number,
    lastAliveMs: 1_700_000_100_000 + number,
    ...parts,
  };
}

/** Returns the commit that moves a context from `from` to `latest` entries of the same log. */
export function sampleAppend(contextId: string, from: Head | undefined, log: number, latest: number): Commit {
  return {
    rows: sampleRows(log, (from?.latest ?? 0) + 1, latest),
    heads: [{ contextId, from, to: sampleHead(log, latest) }],
  };
}

/** Appends `count` entries to a context and returns its new head. Throws unless it was committed. */
export async function append(
  store: Store,
  contextId: string,
  count: number,
  options: RowOptions = {},
): Promise<Head> {
  const from = await store.head(contextId);
  const log = from?.log ?? store.newLog();
  const to = sampleHead(log, (from?.latest ?? 0) + count);
  const rows = sampleRows(log, (from?.latest ?? 0) + 1, to.latest, options);
  const outcome = await store.commit({ rows, heads: [{ contextId, from, to }] });
  if (outcome.kind !== "committed") throw new Error(`commit: ${outcome.kind}`);
  return to;
}

/** Returns the sequences of a log, page by page. */
export async function sequencesOf(store: Store, log: number): Promise<number[]> {
  const sequences: number[] = [];
  for (;;) {
    const after = sequences.at(-1) ?? 0;
    const page = await store.read({ ...wholeLog, log, after });
    if (page.length === 0) return sequences;
    sequences.push(...page.map(({ sequence }) => sequence));
  }
}
