import { decodeEntry } from "../../../src/core/entry-wire.ts";
import { hex } from "../../../src/core/hex.ts";
import { decodeUtf8 } from "../../../src/core/utf8.ts";
import { movedMetadataName } from "../../../src/core/moved.ts";
import { placementOrder } from "../../../src/core/placement.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import { hasBegun } from "../../../src/sync/terms.ts";
import type { SimulatedNode } from "./node.ts";
import type { World } from "./world.ts";

const hasher = await loadHasher();

export interface Placed {
  readonly id: string;
  readonly hash: string;
  /** What the entry had for a hash when it was acknowledged first. */
  readonly firstHash: string;
  readonly payload: string;
}

/**
 * Returns the history of a context, once everything has come to rest, and tells what is wrong with its copies: those that
 * should keep it do, nobody else has anything of it, and all are equal.
 */
export async function checkCopies(
  world: World,
  contextId: string,
  violated: (text: string) => void,
): Promise<readonly Placed[]> {
  const present = world.present();
  const expected = placementOrder(
    contextId,
    present.map(({ nodeId }) => nodeId),
    hasher,
  ).slice(0, world.rules.replicas);
  const histories = new Map<SimulatedNode, readonly Placed[]>();
  for (const node of present) {
    const history = await historyOf(node, contextId);
    const replica = await node.disk.contents.replica(contextId);
    if (history.length > 0) histories.set(node, history);
    if (replica === undefined) {
      if (history.length > 0 && present.length > 1)
        violated(`holders: ${contextId} is on machine ${node.machine}, which says nothing about it`);
      continue;
    }
    const { holders, leaving } = replica;
    if (!hasBegun(replica) && history.length === 0) continue;
    // What is left of a copy that was given up is who keeps the context instead.
    if (leaving) {
      if (history.length > 0)
        violated(`holders: machine ${node.machine} does not get rid of its copy of ${contextId}`);
    } else if (holders.toSorted().join() !== expected.toSorted().join())
      violated(
        `holders: ${contextId} is kept by ${shown(holders)} as machine ${node.machine} has it, not by ${shown(expected)}`,
      );
    for (const archive of await node.disk.contents.archives(contextId, 10))
      violated(`archive: machine ${node.machine} keeps ${archive.first} to ${archive.last} of ${contextId}`);
  }
  let longest: readonly Placed[] = [];
  for (const history of histories.values()) if (history.length > longest.length) longest = history;
  for (const nodeId of longest.length === 0 ? [] : expected) {
    const node = present.find((one) => one.nodeId === nodeId);
    const history = (node && histories.get(node)) ?? [];
    if (history.length !== longest.length || history.some(({ hash }, at) => hash !== longest[at]?.hash))
      violated(
        `differ: machine ${node?.machine} has ${history.length} entries of ${contextId}, or others than the ${longest.length} elsewhere`,
      );
  }
  return longest;
}

async function historyOf({ disk }: SimulatedNode, contextId: string): Promise<readonly Placed[]> {
  const head = await disk.contents.head(contextId);
  if (head === undefined) return [];
  const rows = await disk.contents.read({
    ...{ log: head.log, after: 0, through: head.latest },
    ...{ entriesMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER },
  });
  return rows.map(({ contentHash, wire }) => {
    const { id, metadata, payload } = decodeEntry(wire);
    const hash = hex(contentHash);
    const moved = metadata.find(([name]) => name === movedMetadataName)?.[1];
    return { id, hash, firstHash: moved?.split(" ").at(-1) ?? hash, payload: decodeUtf8(payload) };
  });
}

function shown(nodeIds: readonly string[]): string {
  return nodeIds.map((nodeId) => nodeId.slice(0, 4)).join();
}
