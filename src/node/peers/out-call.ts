import type { LedgerError } from "../../core/errors.ts";
import type { Asked } from "./asked.ts";
import type { Caller } from "./caller.ts";
import { cancelled, deadlineExceeded } from "./peer-error.ts";
import type { PeerClock } from "./peer-options.ts";

export interface OutCallOptions {
  readonly kind: number;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly clock: PeerClock;
  /** Called once, when the promise is settled. */
  readonly onSettled: (error: LedgerError | undefined) => void;
}

/** One call on its way, from before there is a connection until it is answered, has failed, is late or is not wanted. */
export class OutCall implements Asked {
  readonly isStream = false;
  readonly kind: number;
  readonly body: Uint8Array;
  /** The answer as it came. */
  readonly promise: Promise<Uint8Array>;
  readonly #options: OutCallOptions;
  readonly #deadlineMs: number;
  readonly #resolve: (answer: Uint8Array) => void;
  readonly #reject: (error: LedgerError) => void;
  readonly #cancelTimer: () => void;
  readonly #onAbort: () => void;
  #under: { readonly caller: Caller; readonly id: number } | undefined;
  #isSettled = false;

  constructor(options: OutCallOptions) {
    this.#options = options;
    this.kind = options.kind;
    this.body = options.body;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    const { clock, timeoutMs, signal } = options;
    this.#deadlineMs = clock.nowMs() + timeoutMs;
    this.#cancelTimer = clock.after(Math.max(0, timeoutMs), () => this.#giveUp(deadlineExceeded(timeoutMs)));
    this.#onAbort = () => this.#giveUp(cancelled());
    signal?.addEventListener("abort", this.#onAbort);
    if (signal?.aborted === true) this.#onAbort();
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Sends it, unless it is settled already. */
  sendBy(caller: Caller): void {
    if (!this.#isSettled) caller.call(this, this.#deadlineMs - this.#options.clock.nowMs());
  }

  begun(caller: Caller, id: number): void {
    this.#under = { caller, id };
  }

  expects(): boolean {
    return false;
  }

  answered(bytes: Uint8Array): void {
    if (!this.#settle(undefined)) return;
    this.#resolve(bytes);
  }

  ended(): void {}

  failed(error: LedgerError): void {
    if (!this.#settle(error)) return;
    this.#reject(error);
  }

  #giveUp(error: LedgerError): void {
    this.failed(error);
    this.#under?.caller.cancel(this.#under.id);
  }

  #settle(error: LedgerError | undefined): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#cancelTimer();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#options.onSettled(error);
    return true;
  }
}
