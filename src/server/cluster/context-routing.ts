/** Where the entries of a context get their place. */
export type Route = { readonly kind: "here" } | { readonly kind: "there"; readonly nodeId: string };

/** What replication knows of contexts, as far as it takes that to answer clients. Methods reject with LedgerError. */
export interface ContextRouting {
  /** True if this node may give an entry its place at once. Costs a look-up. */
  isWritable(contextId: string): boolean;
  /** True if everything of a context that was acknowledged is seen in the copy of this node, its home. Costs a look-up. */
  isCurrent(contextId: string): boolean;
  /** Returns the home of a context as this node sees it. Rejects with UNAVAILABLE if there is none. */
  route(contextId: string): Promise<Route>;
  /** Returns who keeps a context, or would if it began now; asks the others if this node has not heard of it. */
  locate(contextId: string): Promise<readonly string[]>;
  /** What `locate` and `route` said was wrong: asks the others anew. */
  relocate(contextId: string): Promise<void>;
  /** Resolves when this node gives entries their place; rejects with NOT_HOME if another does. Nothing is appended. */
  lead(contextId: string): Promise<void>;
  /** Tries for a short while to know what is committed, before a context is read at its home. Never rejects for long. */
  readable(contextId: string): Promise<void>;
  /** Returns what is known of the copies of an entry of a context that this node leads. */
  copiesOf(contextId: string, sequence: number): { readonly copies: number; readonly holders: number };
  /** Resolves when `minCopies` holders have an entry. Rejects with UNAVAILABLE after `waitMs`. */
  copied(contextId: string, sequence: number, minCopies: number, waitMs: number): Promise<void>;
}
