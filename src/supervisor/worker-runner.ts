import { asError } from "../core/as-error.ts";
import { deadline } from "./deadline.ts";
import type { Runner, RunnerEnd } from "./runner.ts";
import type { ChildState, RunningChild, SupervisorWorld, WorkerSpec } from "./spec.ts";

/** One life of a worker. */
export class WorkerRunner implements Runner {
  readonly #spec: WorkerSpec;
  readonly #path: string;
  readonly #world: SupervisorWorld;
  readonly #end: RunnerEnd;
  readonly #abort = new AbortController();
  #child: RunningChild | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(spec: WorkerSpec, path: string, world: SupervisorWorld, end: RunnerEnd) {
    this.#spec = spec;
    this.#path = path;
    this.#world = world;
    this.#end = end;
  }

  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  fail(): boolean {
    return false;
  }

  states(): readonly ChildState[] {
    return [];
  }

  detail(): string | undefined {
    try {
      return this.#child?.describe?.();
    } catch (reason) {
      return asError(reason).message;
    }
  }

  async #start(): Promise<void> {
    const { name, startTimeoutMs } = this.#spec;
    // Wrapped, so that a start that throws before its first await rejects as well.
    const starting = (async () => this.#spec.start({ path: this.#path, signal: this.#abort.signal }))();
    try {
      this.#child = await deadline(
        this.#untilAborted(starting),
        startTimeoutMs,
        this.#world.clock,
        () => new Error(`${name} did not start within ${startTimeoutMs} ms`),
      );
    } catch (reason) {
      this.#abort.abort(reason);
      await this.#discard(starting);
      throw asError(reason);
    }
    this.#watch(this.#child);
  }

  #untilAborted<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { signal } = this.#abort;
      signal.addEventListener("abort", () => reject(asError(signal.reason)), { once: true });
      work.then(resolve, reject);
    });
  }

  /** Gives an unwanted start the time of a stop to end; what still comes of it later is stopped too. */
  async #discard(starting: Promise<RunningChild>): Promise<void> {
    const ended = starting.then(
      (child) => this.#dispose(child),
      () => {},
    );
    await this.#bounded(ended, `${this.#spec.name} did not end its start`);
  }

  #watch(child: RunningChild): void {
    const crashed = (reason: unknown) => this.#end.crashed(asError(reason));
    child.crashed.then(crashed, crashed);
    child.finished?.then(() => this.#finished(), crashed);
  }

  #finished(): void {
    if (this.#spec.restart === "transient") this.#end.finished();
    else this.#end.crashed(new Error(`${this.#spec.name} ended by itself`));
  }

  async #stop(): Promise<void> {
    this.#abort.abort(new Error(`${this.#spec.name} was stopped`));
    // A start that was cut short has already freed what it held.
    await this.#starting?.catch(() => {});
    if (this.#child !== undefined) await this.#dispose(this.#child);
  }

  async #dispose(child: RunningChild): Promise<void> {
    // A child that is not watched may still reject later.
    child.crashed.catch(() => {});
    child.finished?.catch(() => {});
    await this.#bounded((async () => child.stop())(), `${this.#spec.name} did not stop`);
  }

  async #bounded(work: Promise<void>, problem: string): Promise<void> {
    const { stopTimeoutMs } = this.#spec;
    const late = () => new Error(`${problem} within ${stopTimeoutMs} ms`);
    try {
      await deadline(work, stopTimeoutMs, this.#world.clock, late);
    } catch (reason) {
      this.#world.emit({ kind: "stop-failed", path: this.#path, error: asError(reason) });
    }
  }
}
