/** The cluster as this node sees it. What it says may change at any time. */
export interface ClusterView {
  readonly selfId: string;
  /** Every node that joined and has not left, dead or alive, this one included. */
  roster(): readonly string[];
  /** True for this node, and for others that answer, as far as anybody knows. */
  isAlive(nodeId: string): boolean;
  /** False for nodes that say they cannot write. */
  canWrite(nodeId: string): boolean;
  /** False before this node has heard from the cluster it belongs to; it must not give entries their place until then. */
  readonly hasExchanged: boolean;
  /** What a node is called, for messages to people. */
  nameOf(nodeId: string): string;
  /** Calls `listener` after each change, until the returned function is called. */
  onChange(listener: () => void): () => void;
}

/** The cluster's rules about copies. */
export interface CopyRules {
  /** Nodes that keep each context, as far as there are so many. */
  readonly replicas: number;
  readonly writeCopies: "1" | "majority" | "all";
}

/** Returns the node that takes the entries of a context: the first of its holders that is alive and can write. */
export function homeOf(holders: readonly string[], view: ClusterView): string | undefined {
  return holders.find((nodeId) => view.isAlive(nodeId) && view.canWrite(nodeId));
}
