import type { Checkpoint, Read, Seen } from "../check/history.ts";
import { call, type Json, methods } from "../world/call.ts";
import type { Draft } from "./draft.ts";
import { type Load, pause } from "./load.ts";

const pageEntries = 100;
const pauseMs = 150;

/** Reads random parts of random contexts through random nodes, half of the time whatever that node has itself. */
export async function read(load: Load, drafts: readonly Draft[], reads: Read[]): Promise<void> {
  const { random } = load;
  while (!load.over.aborted) {
    const contextId = random.of(load.contexts);
    const known = newestSequence(drafts, contextId);
    const minSequence = random.between(0, 2) === 0 ? known : 0;
    const target = random.of(load.targets());
    const outcome = await call({
      url: target.url,
      method: methods.get,
      request: {
        contextId,
        afterSequence: String(Math.max(0, known - random.between(0, 2 * pageEntries))),
        limit: pageEntries,
        minSequence: String(minSequence),
        read: random.between(0, 2) === 0 ? "READ_ANY" : "READ_HOME",
      },
      timeoutMs: load.attemptMs,
    });
    if (outcome.ok) reads.push(readOf(outcome.answer, { node: target.name, contextId, minSequence }));
    await pause(pauseMs, load.over);
  }
}

/** Asks random nodes for signed checkpoints of random contexts. */
export async function collectCheckpoints(load: Load, checkpoints: Checkpoint[]): Promise<void> {
  const { random } = load;
  while (!load.over.aborted) {
    const contextId = random.of(load.contexts);
    const { url, name } = random.of(load.targets());
    const request = { contextId };
    const outcome = await call({ url, method: methods.checkpoint, request, timeoutMs: load.attemptMs });
    if (outcome.ok) {
      const { treeSize = "0", root = "" } = outcome.answer as { treeSize?: string; root?: string };
      checkpoints.push({ node: name, contextId, treeSize: Number(treeSize), root });
    }
    await pause(2 * pauseMs, load.over);
  }
}

function readOf(answer: Json, asked: Pick<Read, "node" | "contextId" | "minSequence">): Read {
  const { entries = [], latestSequence = "0" } = answer as {
    readonly entries?: readonly {
      readonly id: string;
      readonly sequence: string;
      readonly contentHash: string;
    }[];
    readonly latestSequence?: string;
  };
  const seen = entries.map(({ id, sequence, contentHash }): Seen => ({
    id,
    sequence: Number(sequence),
    contentHash,
  }));
  return { ...asked, atMs: performance.now(), latestSequence: Number(latestSequence), entries: seen };
}

/** The highest of the sequences that were acknowledged last. */
function newestSequence(drafts: readonly Draft[], contextId: string): number {
  return drafts
    .slice(-200)
    .filter((draft) => draft.contextId === contextId)
    .reduce((newest, { acknowledged }) => Math.max(newest, acknowledged?.sequence ?? 0), 0);
}
