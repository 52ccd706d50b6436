import { Chain } from "./chain.ts";
import type { Runner, RunnerEnd } from "./runner.ts";
import { Slot } from "./slot.ts";
import type { ChildState, Group, SupervisorWorld } from "./spec.ts";
import { WorkerRunner } from "./worker-runner.ts";

/** One life of a supervisor with its children. */
export class GroupRunner implements Runner {
  readonly #group: Group;
  readonly #world: SupervisorWorld;
  readonly #end: RunnerEnd;
  readonly #slots: readonly Slot[];
  /** A crash restarts within one chain only. */
  readonly #chains: readonly Chain[];
  #isUp = false;
  /** Why the group could not go on. */
  #failure: Error | undefined;
  #stopped: Promise<void> | undefined;

  constructor(group: Group, path: string, world: SupervisorWorld, end: RunnerEnd) {
    this.#group = group;
    this.#world = world;
    this.#end = end;
    this.#slots = group.children.map((spec) => new Slot(spec, path, world));
    const chained = group.strategy === "rest-for-one" ? [this.#slots] : this.#slots.map((slot) => [slot]);
    this.#chains = chained.map((slots) => new Chain(slots, world, this.#asOwner()));
  }

  async start(): Promise<void> {
    try {
      for (const chain of this.#chains) await chain.start();
      if (this.#failure !== undefined) throw this.#failure;
    } catch (reason) {
      await this.stop();
      throw this.#failure ?? reason;
    }
    this.#isUp = true;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  fail(names: readonly string[], error: Error): boolean {
    const [name, ...rest] = names;
    const index = this.#slots.findIndex((slot) => slot.spec.name === name);
    const slot = this.#slots[index];
    if (slot === undefined) return false;
    if (rest.length > 0) return slot.runner?.fail(rest, error) ?? false;
    const chain = this.#chains[this.#chains.length === 1 ? 0 : index];
    return chain?.fail(slot, error) ?? false;
  }

  states(): readonly ChildState[] {
    return this.#slots.map((slot) => slot.state());
  }

  detail(): undefined {
    return undefined;
  }

  async #stop(): Promise<void> {
    for (const chain of this.#chains) chain.close();
    for (const chain of this.#chains.toReversed()) await chain.stop();
  }

  #asOwner() {
    return {
      makeRunner: (slot: Slot, end: RunnerEnd): Runner =>
        "children" in slot.spec
          ? new GroupRunner(slot.spec, slot.path, this.#world, end)
          : new WorkerRunner(slot.spec, slot.path, this.#world, end),
      gaveUp: (slot: Slot, cause: Error) => this.#gaveUp(slot, cause),
    };
  }

  #gaveUp({ spec }: Slot, cause: Error): void {
    const often = `${spec.maxRestarts} restarts within ${spec.withinMs} ms`;
    const error = new Error(`${this.#group.name} gave up on ${spec.name} after ${often}: ${cause.message}`, {
      cause,
    });
    this.#failure ??= error;
    if (this.#isUp) this.#end.crashed(error);
    else void this.stop();
  }
}
