import { assert } from "../core/assert.ts";
import { asError } from "../core/as-error.ts";
import { GroupRunner } from "./group-runner.ts";
import type { ChildState, ChildStatus, Group, SupervisionEvent, SupervisorClock } from "./spec.ts";

export interface SupervisionTreeOptions {
  readonly clock: SupervisorClock;
  /** Told of everything that happens, in order. What it throws is dropped. */
  readonly onEvent?: (event: SupervisionEvent) => void;
}

/** A tree of supervised children. It starts and stops once. */
export class SupervisionTree {
  /** Resolves when the tree has given up, after all children were stopped. Never rejects. */
  readonly crashed: Promise<Error>;
  readonly #root: Group;
  readonly #clock: SupervisorClock;
  readonly #runner: GroupRunner;
  readonly #resolveCrashed: (error: Error) => void;
  #wasStarted = false;
  #status: ChildStatus = "stopped";
  #statusFromMs: number;
  #lastError: Error | undefined;

  constructor(root: Group, { clock, onEvent }: SupervisionTreeOptions) {
    assertNames(root);
    const crashed = Promise.withResolvers<Error>();
    this.crashed = crashed.promise;
    this.#resolveCrashed = crashed.resolve;
    this.#root = root;
    this.#clock = clock;
    this.#statusFromMs = clock.monotonicMs();
    const world = { clock, emit: (event: SupervisionEvent) => tell(onEvent, event) };
    this.#runner = new GroupRunner(root, root.name, world, {
      crashed: (error) => void this.#giveUp(error),
      finished: () => {},
    });
  }

  /** Resolves when all children run. Rejects if one cannot start, with all of them stopped. */
  async start(): Promise<void> {
    assert(!this.#wasStarted, "a tree starts once");
    this.#wasStarted = true;
    this.#become("starting");
    try {
      await this.#runner.start();
    } catch (reason) {
      this.#lastError = asError(reason);
      this.#become("failed");
      throw reason;
    }
    if (this.#status === "starting") this.#become("running");
  }

  /** Ends all children in reverse order. Never rejects; further calls wait with the first. */
  async stop(): Promise<void> {
    if (this.#status !== "failed") this.#become("stopping");
    await this.#runner.stop();
    if (this.#status !== "failed") this.#become("stopped");
  }

  /**
   * Takes a child for crashed: it is stopped and started again like after any crash. `path` is the
   * names from the root down, joined by "/". Returns false if no such child runs.
   */
  fail(path: string, error: Error): boolean {
    const [root, ...names] = path.split("/");
    return root === this.#root.name && this.#runner.fail(names, error);
  }

  /** Returns the whole tree as plain data. */
  state(): ChildState {
    return {
      name: this.#root.name,
      status: this.#status,
      restarts: 0,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError.message }),
      sinceMs: this.#clock.monotonicMs() - this.#statusFromMs,
      children: this.#runner.states(),
    };
  }

  async #giveUp(error: Error): Promise<void> {
    this.#lastError = error;
    this.#become("failed");
    await this.#runner.stop();
    this.#resolveCrashed(error);
  }

  #become(status: ChildStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    this.#statusFromMs = this.#clock.monotonicMs();
  }
}

function tell(onEvent: ((event: SupervisionEvent) => void) | undefined, event: SupervisionEvent): void {
  try {
    onEvent?.(event);
  } catch {
    // Whoever listens must not be able to break what it listens to.
  }
}

function assertNames(group: Group): void {
  const names = new Set<string>();
  for (const child of group.children) {
    assert(
      !child.name.includes("/") && !names.has(child.name),
      `"${child.name}" is unique in ${group.name}, without "/"`,
    );
    names.add(child.name);
    if ("children" in child) assertNames(child);
  }
}
