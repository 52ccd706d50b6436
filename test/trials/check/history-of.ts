import { createHash } from "node:crypto";
import type {
  Acknowledgement,
  Checkpoint,
  FinalCopy,
  FinalEntry,
  History,
  Seen,
  Sent,
  Status,
  Watch,
} from "../../../scripts/trials/check/history.ts";
import { rootOf } from "../../../scripts/trials/check/replicas.ts";

/** The parts of a history in which everything is as promised, to be put together and broken by tests. */

export const contextId = "c";
const nodes = ["a", "b", "c"];

/** An entry whose id and hash follow from its payload and sequence. */
export function entry(payload: string, sequence: number, metadata: Record<string, string> = {}): FinalEntry {
  const contentHash = createHash("sha256").update(`${payload} ${sequence}`).digest("base64");
  return { id: `id of ${payload}`, sequence, contentHash, payload, metadata, hashFits: true };
}

export function copy(node: string, entries: readonly FinalEntry[]): FinalCopy {
  const root = rootOf(entries.map(({ contentHash }) => Buffer.from(contentHash, "base64"))).toString(
    "base64",
  );
  return { node, contextId, entries, root };
}

export function acknowledgement(seen: Seen, atMs: number): Acknowledgement {
  const { id, sequence, contentHash } = seen;
  return { id, sequence, contentHash, copies: 2, holders: 3, duplicate: false, node: "a", atMs };
}

/** Sent at 10 times its sequence, acknowledged 5 ms later. */
export function sent(seen: FinalEntry, more: Partial<Sent> = {}): Sent {
  const firstSentMs = 10 * seen.sequence;
  return {
    writer: "w",
    contextId,
    payload: seen.payload,
    firstSentMs,
    acknowledged: acknowledgement(seen, firstSentMs + 5),
    failures: [],
    ...more,
  };
}

export function unacknowledged(payload: string, failures: readonly string[] = ["UNAVAILABLE"]): Sent {
  return { writer: "w", contextId, payload, firstSentMs: 1, failures };
}

export function watch(node: string, seen: readonly (Seen | number)[]): Watch {
  const events = seen.map((each) => {
    if (typeof each === "number") return { kind: "reset", sequence: each, atMs: 0 } as const;
    const { id, sequence, contentHash } = each;
    return { kind: "entry", entry: { id, sequence, contentHash }, atMs: 0 } as const;
  });
  return { node, contextId, events };
}

/** What a node says when all three copies have the entries below. */
export function status(more: Partial<Status> = {}): Status {
  const { root } = copy("a", entries);
  const [latestSequence, committedSequence] = [entries.length, entries.length];
  const holders = nodes.map((name) => ({ name, error: undefined, latestSequence, committedSequence, root }));
  return { node: "a", contextId, isEqual: true, forks: 0, pendingArchives: 0, holders, ...more };
}

/** Of the first of the entries below. */
export function checkpoint(treeSize: number): Checkpoint {
  return { node: "b", contextId, treeSize, root: copy("b", entries.slice(0, treeSize)).root ?? "" };
}

/** Three entries, acknowledged in order, on three nodes, watched and read. */
export const entries = [entry("x", 1), entry("y", 2), entry("z", 3)] as const;

export function history(more: Partial<History> = {}): History {
  return {
    writeCopies: "majority",
    sent: entries.map((each) => sent(each)),
    watches: nodes.map((node) => watch(node, entries)),
    reads: [{ node: "b", contextId, atMs: 40, minSequence: 2, latestSequence: 3, entries: [entries[1]] }],
    repeats: [],
    checkpoints: [checkpoint(2), checkpoint(3)],
    finals: nodes.map((node) => copy(node, entries)),
    statuses: [status()],
    resetsMax: 0,
    ...more,
  };
}

/** Every copy, watch and acknowledgement of other entries than those above. */
export function historyWith(all: readonly FinalEntry[], more: Partial<History> = {}): History {
  return history({
    sent: all.map((each) => sent(each)),
    watches: nodes.map((node) => watch(node, all)),
    reads: [],
    checkpoints: [],
    finals: nodes.map((node) => copy(node, all)),
    statuses: [],
    ...more,
  });
}
