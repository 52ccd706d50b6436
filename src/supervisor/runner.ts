import type { ChildState } from "./spec.ts";

/** One life of a child, from start to stop; a restart makes a new one. */
export interface Runner {
  /** Resolves once the child works. Rejects if it cannot, after everything it held was freed. */
  start(): Promise<void>;
  /** Ends the child, a start in progress included. Never rejects; calls after the first wait with it. */
  stop(): Promise<void>;
  /** Reports a crash of the descendant at `names`. Returns false if no such child runs. */
  fail(names: readonly string[], error: Error): boolean;
  states(): readonly ChildState[];
  detail(): string | undefined;
}

/** How a runner whose start succeeds tells its parent that its life is over. The first call counts. */
export interface RunnerEnd {
  crashed(error: Error): void;
  finished(): void;
}
