/**
 * What a supervision tree is made of. The ideas are those of Erlang/OTP supervisors: a part that
 * fails is torn down and started again from a known state, and one that keeps failing takes its
 * parent down, so that a larger part is started again.
 * [Supervisor behaviour](https://www.erlang.org/doc/system/sup_princ.html)
 *
 * @module
 */

/** How often and how fast a child is started again after a crash. */
export interface RestartPolicy {
  /** More restarts than this within `withinMs` make the parent give up and crash. */
  readonly maxRestarts: number;
  readonly withinMs: number;
  /** The wait before a restart: `minMs` after the first crash of the window, doubled for each further one. */
  readonly backoff: { readonly minMs: number; readonly maxMs: number };
}

/** A child that does work. */
export interface WorkerSpec extends RestartPolicy {
  /** Unique among its siblings, without "/". */
  readonly name: string;
  /** A `permanent` worker that ends by itself has crashed; a `transient` one is done. */
  readonly restart: "permanent" | "transient";
  readonly startTimeoutMs: number;
  /** After this long a stop that has not finished is given up and reported. */
  readonly stopTimeoutMs: number;
  /**
   * Returns the child once it does its work. Called again for every restart. A start that is no
   * longer wanted has its signal aborted; if it returns a child all the same, that child is stopped.
   */
  start(context: StartContext): Promise<RunningChild>;
}

/** A child that is a supervisor itself. */
export interface GroupSpec extends Group, RestartPolicy {}

export type ChildSpec = WorkerSpec | GroupSpec;

/** Children that start in order and stop in reverse order. */
export interface Group {
  readonly name: string;
  /**
   * What a crash restarts: `one-for-one` the crashed child alone, `rest-for-one` also those that
   * were started after it, because they hold on to it.
   */
  readonly strategy: "one-for-one" | "rest-for-one";
  readonly children: readonly ChildSpec[];
}

export interface StartContext {
  /** Names from the root down, joined by "/". */
  readonly path: string;
  /** Aborted when the start takes too long, and when the child is to stop. */
  readonly signal: AbortSignal;
}

/** What a worker hands to its supervisor. */
export interface RunningChild {
  /** Ends the child and frees what it holds. Called once, also after a crash. */
  stop(): Promise<void>;
  /** Resolves when the child can no longer do its work; a rejection counts too. Never settles in health. */
  readonly crashed: Promise<Error>;
  /** Resolves when the child has done all it had to do. */
  readonly finished?: Promise<void>;
  /** Returns one line about the child for operators, without client data. */
  describe?(): string;
}

/** Time as a supervisor needs it; the ledger's Clock fits. */
export interface SupervisorClock {
  /** Milliseconds that never step backwards. */
  monotonicMs(): number;
  /** Calls back once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, callback: () => void): () => void;
}

export type ChildStatus = "starting" | "running" | "backing-off" | "stopping" | "stopped" | "failed";

/** One node of the tree as plain data. */
export interface ChildState {
  readonly name: string;
  readonly status: ChildStatus;
  /** Restarts since the parent was started. */
  readonly restarts: number;
  /** Message of the last crash. */
  readonly lastError?: string;
  /** How long the status has lasted. */
  readonly sinceMs: number;
  /** What a running worker says of itself. */
  readonly detail?: string;
  readonly children: readonly ChildState[];
}

/** What happens in a tree, for logs and metrics. `path` is as in {@link StartContext}. */
export type SupervisionEvent =
  | { readonly kind: "started" | "restarted"; readonly path: string; readonly tookMs: number }
  | { readonly kind: "crashed"; readonly path: string; readonly error: Error }
  | { readonly kind: "backing-off"; readonly path: string; readonly delayMs: number }
  | { readonly kind: "gave-up"; readonly path: string; readonly error: Error; readonly restarts: number }
  | { readonly kind: "finished" | "stopped"; readonly path: string }
  /** The child could not be ended cleanly; what it held may not be free. */
  | { readonly kind: "stop-failed"; readonly path: string; readonly error: Error };

/** What every part of a tree shares. */
export interface SupervisorWorld {
  readonly clock: SupervisorClock;
  /** Must not throw. */
  readonly emit: (event: SupervisionEvent) => void;
}
