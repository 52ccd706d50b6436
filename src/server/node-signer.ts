import { assert } from "../core/assert.ts";
import { hex } from "../core/hex.ts";
import type { SingleHasher } from "../core/hasher.ts";
import { emptyRoot } from "../core/merkle/tree-profile.ts";
import { firstGeneration } from "../ledger/checkpoints.ts";
import type { CheckpointSigner } from "../ledger/integrity.ts";
import { type Clock, nodeLogId, type Store } from "../ledger/ports.ts";
import { createCheckpointSigner } from "../node/checkpoint-signer.ts";
import { openNodeKeys } from "../node/node-keys.ts";

export interface NodeSignerOptions {
  readonly directory: string;
  readonly logName: string;
  /** Derived from the data directory if it is undefined. */
  readonly nodeName: string | undefined;
  readonly clock: Clock;
  readonly hasher: SingleHasher;
}

/** Who a node is, whatever its addresses. */
export interface NodeIdentity {
  /** 32 hexadecimal digits, random, in its data directory. */
  readonly nodeId: string;
  /** As it was told, or else derived from the id. */
  readonly nodeName: string;
}

/** The signer of a node whose name and keys are in its data directory: it can sign once the storage was opened. */
export class NodeSigner implements CheckpointSigner {
  readonly #options: NodeSignerOptions;
  #signer: CheckpointSigner | undefined;
  #identity: NodeIdentity | undefined;

  constructor(options: NodeSignerOptions) {
    this.#options = options;
  }

  /** Reads the keys, or makes the first one. Rejects with LedgerError if there were keys and they cannot be read. */
  async begin(store: Pick<Store, "nodeId" | "signedHead" | "commit">): Promise<void> {
    const { directory, clock, hasher, logName } = this.#options;
    const mayCreate = (await store.signedHead(nodeLogId)) === undefined;
    const keys = await openNodeKeys({ directory, mayCreate, clock });
    if (mayCreate) {
      // From now on a missing key is a loss and no first start. The empty log of logs is the beginning of any.
      const empty = { contextId: nodeLogId, generation: firstGeneration, size: 0, root: emptyRoot(hasher) };
      await store.commit({ rows: [], heads: [], signed: [empty] });
    }
    const nodeId = await store.nodeId();
    const nodeName = this.#options.nodeName ?? derivedNodeName(nodeId);
    this.#signer = createCheckpointSigner({ logName: `${logName}/${nodeName}`, keys, hasher });
    this.#identity = { nodeId: hex(nodeId), nodeName };
  }

  /** Known once the storage was opened. */
  get identity(): NodeIdentity {
    assert(this.#identity !== undefined, "nothing is known of the node before the storage was opened");
    return this.#identity;
  }

  get logName(): string {
    return this.#begun.logName;
  }

  sign(origin: string, body: string): Promise<string> {
    return this.#begun.sign(origin, body);
  }

  verifierKeys(origin: string): Promise<readonly string[]> {
    return this.#begun.verifierKeys(origin);
  }

  get #begun(): CheckpointSigner {
    assert(this.#signer !== undefined, "nothing can be signed before the storage was opened");
    return this.#signer;
  }
}

/** Returns the name of a node that was given none. */
export function derivedNodeName(nodeId: Uint8Array): string {
  return `n-${hex(nodeId.subarray(0, 4))}`;
}
