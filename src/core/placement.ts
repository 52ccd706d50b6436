import { assert } from "./assert.ts";
import type { SingleHasher } from "./hasher.ts";
import { unhex } from "./hex.ts";
import { encodeUtf8 } from "./utf8.ts";

/**
 * Returns the nodes in the order in which they are to keep a context, best first: rendezvous hashing, so a node that
 * comes or goes moves only the contexts it wins or had. The weight of a node is the first 8 bytes, big-endian, of
 * SHA-256(u32 length of the context id ‖ context id ‖ node id); ties go by node id. `nodeIds` are 32 hexadecimal digits
 * each. Cost: one hash a node.
 */
export function placementOrder(
  contextId: string,
  nodeIds: readonly string[],
  hasher: SingleHasher,
): readonly string[] {
  const id = encodeUtf8(contextId);
  const message = new Uint8Array(4 + id.length + nodeIdBytes);
  new DataView(message.buffer).setUint32(0, id.length);
  message.set(id, 4);
  const weighed = nodeIds.map((nodeId) => {
    const bytes = unhex(nodeId);
    assert(bytes?.length === nodeIdBytes, "a node id is 16 bytes");
    message.set(bytes, 4 + id.length);
    const digest = hasher.sha256(message);
    return { nodeId, weight: new DataView(digest.buffer, digest.byteOffset).getBigUint64(0) };
  });
  weighed.sort((a, b) => {
    if (a.weight !== b.weight) return a.weight > b.weight ? -1 : 1;
    return a.nodeId < b.nodeId ? -1 : 1;
  });
  return weighed.map(({ nodeId }) => nodeId);
}

const nodeIdBytes = 16;
