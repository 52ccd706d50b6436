import { asError } from "../core/as-error.ts";
import type { Runner, RunnerEnd } from "./runner.ts";
import type { Slot } from "./slot.ts";
import type { SupervisorWorld } from "./spec.ts";

/** What a chain asks of its supervisor. */
export interface ChainOwner {
  /** Makes the next life of the child of `slot`. */
  makeRunner(slot: Slot, end: RunnerEnd): Runner;
  /** Takes note that `slot` has used up its restarts; the chain does nothing more but stop. */
  gaveUp(slot: Slot, error: Error): void;
}

/**
 * Children that lean on the ones before them: a crash ends the later ones in reverse order, then
 * starts the crashed one and the later ones again, in order. One child alone is the plain case.
 *
 * One loop at a time brings the children up. A crash only moves `#down` and wakes the loop, so
 * nothing is started or stopped in two places at once.
 */
export class Chain {
  readonly #slots: readonly Slot[];
  readonly #world: SupervisorWorld;
  readonly #owner: ChainOwner;
  /** Index of the first child that does not run. */
  #down = 0;
  #loop = Promise.resolve();
  #looping = false;
  #wakeLoop = () => {};
  /** Set once all children have run at the same time. */
  #wasUp = false;
  /** Why the chain could not be started in the first place. */
  #startFailure: Error | undefined;
  #closed = false;
  #stopped: Promise<void> | undefined;

  constructor(slots: readonly Slot[], world: SupervisorWorld, owner: ChainOwner) {
    this.#slots = slots;
    this.#world = world;
    this.#owner = owner;
  }

  /** Resolves when all children run. If one of them fails before, rejects with all of them stopped. */
  async start(): Promise<void> {
    await this.#bringUp();
    if (this.#wasUp) return;
    await this.stop();
    throw this.#startFailure ?? new Error("stopped while starting");
  }

  /** Ends waits and starts, and restarts nothing from now on. */
  close(): void {
    this.#closed = true;
    this.#interrupt();
  }

  /** Ends the children in reverse order. Never rejects. */
  stop(): Promise<void> {
    this.close();
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** Takes the child of `slot` for crashed. Returns false if it does not run. */
  fail(slot: Slot, error: Error): boolean {
    if (slot.status !== "running" || this.#closed) return false;
    this.#crashed(slot, error);
    return true;
  }

  async #stop(): Promise<void> {
    await this.#loop;
    for (const slot of this.#slots.toReversed()) {
      await slot.halt();
      slot.become("stopped");
    }
  }

  #crashed(slot: Slot, error: Error): void {
    if (!this.#wasUp) {
      slot.failed(error);
      this.#startFailure ??= error;
      this.#interrupt();
      return;
    }
    if (slot.crash(error).kind === "give-up") {
      this.close();
      this.#owner.gaveUp(slot, error);
      return;
    }
    this.#down = Math.min(this.#down, this.#slots.indexOf(slot));
    this.#interrupt();
    void this.#bringUp();
  }

  /** Makes the loop look at the new state at once: a wait ends, and so does a start that is too early now. */
  #interrupt(): void {
    this.#wakeLoop();
    const idle = this.#closed || this.#startFailure !== undefined;
    this.#slots.forEach((slot, index) => {
      if (slot.status === "starting" && (idle || index > this.#down)) void slot.runner?.stop();
    });
  }

  #bringUp(): Promise<void> {
    if (!this.#looping) {
      this.#looping = true;
      this.#loop = this.#runLoop();
    }
    return this.#loop;
  }

  async #runLoop(): Promise<void> {
    while (!this.#closed && this.#startFailure === undefined && this.#down < this.#slots.length) {
      const index = this.#down;
      for (const slot of this.#slots.slice(index).reverse()) await slot.halt();
      const slot = this.#slots[index];
      if (slot === undefined || this.#isStale(index)) continue;
      await this.#backOff(slot);
      if (this.#isStale(index)) continue;
      await this.#startSlot(slot, index);
    }
    // In the same turn as the last look at #down, so that no crash falls between the two.
    if (this.#down === this.#slots.length && this.#startFailure === undefined) this.#wasUp = true;
    this.#looping = false;
  }

  #isStale(index: number): boolean {
    return this.#closed || this.#down !== index;
  }

  /** Waits as long as the last crash of `slot` asks for, or until the loop is woken. */
  async #backOff(slot: Slot): Promise<void> {
    const { delayMs } = slot;
    slot.delayMs = 0;
    if (delayMs === 0) return;
    slot.become("backing-off");
    this.#world.emit({ kind: "backing-off", path: slot.path, delayMs });
    await new Promise<void>((resolve) => {
      const cancel = this.#world.clock.after(delayMs, resolve);
      this.#wakeLoop = () => {
        cancel();
        resolve();
      };
    });
    this.#wakeLoop = () => {};
  }

  async #startSlot(slot: Slot, index: number): Promise<void> {
    const { clock } = this.#world;
    const again = this.#wasUp;
    const fromMs = clock.monotonicMs();
    const whileCurrent = (end: () => void) => {
      const lives = slot.status === "starting" || slot.status === "running";
      if (lives && slot.runner === runner && !this.#closed) end();
    };
    const runner = this.#owner.makeRunner(slot, {
      crashed: (error) => whileCurrent(() => this.#crashed(slot, error)),
      finished: () => whileCurrent(() => this.#finished(slot)),
    });
    slot.runner = runner;
    slot.become("starting");
    if (again) slot.restarts += 1;
    try {
      await runner.start();
    } catch (reason) {
      slot.runner = undefined;
      if (this.#isStale(index) || this.#startFailure !== undefined) slot.become("stopped");
      else this.#crashed(slot, asError(reason));
      return;
    }
    // The child may be over already.
    if (slot.status === "starting") slot.become("running");
    if (slot.status === "failed") return;
    this.#world.emit({
      kind: again ? "restarted" : "started",
      path: slot.path,
      tookMs: clock.monotonicMs() - fromMs,
    });
    if (this.#down === index) this.#down = index + 1;
  }

  #finished(slot: Slot): void {
    slot.become("stopped");
    this.#world.emit({ kind: "finished", path: slot.path });
  }
}
