import { RestartBudget, type RestartDecision } from "./restart-budget.ts";
import type { Runner } from "./runner.ts";
import type { ChildSpec, ChildState, ChildStatus, SupervisorWorld } from "./spec.ts";

/** The place of one child under its supervisor: its current life, and what its past lives add up to. */
export class Slot {
  readonly spec: ChildSpec;
  readonly path: string;
  /** The current life. Undefined while there is none. */
  runner: Runner | undefined;
  restarts = 0;
  /** The wait that the last crash asks for before the next start. */
  delayMs = 0;
  readonly #world: SupervisorWorld;
  readonly #budget: RestartBudget;
  #status: ChildStatus = "stopped";
  #statusFromMs: number;
  #lastError: Error | undefined;

  constructor(spec: ChildSpec, parentPath: string, world: SupervisorWorld) {
    this.spec = spec;
    this.path = `${parentPath}/${spec.name}`;
    this.#world = world;
    this.#budget = new RestartBudget(spec);
    this.#statusFromMs = world.clock.monotonicMs();
  }

  get status(): ChildStatus {
    return this.#status;
  }

  become(status: ChildStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    this.#statusFromMs = this.#world.clock.monotonicMs();
  }

  failed(error: Error): void {
    this.#lastError = error;
    this.become("failed");
  }

  /** Counts a crash and says what to do about it. */
  crash(error: Error): RestartDecision {
    this.failed(error);
    this.#world.emit({ kind: "crashed", path: this.path, error });
    const decision = this.#budget.crash(this.#world.clock.monotonicMs());
    if (decision.kind === "restart") this.delayMs = decision.delayMs;
    else this.#world.emit({ kind: "gave-up", path: this.path, error, restarts: decision.restarts });
    return decision;
  }

  /** Ends the current life, if there is one. Never rejects. */
  async halt(): Promise<void> {
    const { runner } = this;
    if (runner === undefined) return;
    const worked = this.#status === "running";
    if (worked) this.become("stopping");
    await runner.stop();
    this.runner = undefined;
    if (!worked) return;
    this.become("stopped");
    this.#world.emit({ kind: "stopped", path: this.path });
  }

  state(): ChildState {
    const detail = this.#status === "running" ? this.runner?.detail() : undefined;
    return {
      name: this.spec.name,
      status: this.#status,
      restarts: this.restarts,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError.message }),
      sinceMs: this.#world.clock.monotonicMs() - this.#statusFromMs,
      ...(detail === undefined ? {} : { detail }),
      children: this.runner?.states() ?? [],
    };
  }
}
