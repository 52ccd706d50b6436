import type { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import type { Asked } from "./asked.ts";
import type { Caller } from "./caller.ts";
import { cancelled } from "./peer-error.ts";

/** What an item costs beside its bytes, so that empty ones are bounded too. */
export const itemCostBytes = 64;

/** One stream from another node. Its items wait here until they are taken; what is taken may be sent anew. */
export class OutStream implements Asked {
  readonly isStream = true;
  readonly windowBytes: number = limits.peerWindowBytes;
  readonly kind: number;
  readonly body: Uint8Array;
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => this.#stop(cancelled());
  readonly #items: Uint8Array[] = [];
  #under: { readonly caller: Caller; readonly id: number } | undefined;
  /** What the other side may still send. */
  #creditBytes = this.windowBytes;
  /** What was taken and not granted again. */
  #takenBytes = 0;
  #end: { readonly error: LedgerError | undefined } | undefined;
  #wake: (() => void) | undefined;

  constructor(kind: number, body: Uint8Array, signal: AbortSignal) {
    this.kind = kind;
    this.body = body;
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort);
    if (signal.aborted) this.#onAbort();
  }

  /** Sends what opens it, unless it is over already. */
  sendBy(caller: Caller): void {
    if (this.#end === undefined) caller.open(this);
  }

  /** Resolves with the next item, or undefined at the end. Rejects with what the stream failed with. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) {
        this.#took(item.length);
        return item;
      }
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Nothing more is wanted. */
  close(): void {
    this.#items.length = 0;
    this.#stop(undefined);
  }

  begun(caller: Caller, id: number): void {
    this.#under = { caller, id };
  }

  expects(itemBytes: number): boolean {
    if (this.#creditBytes <= 0) return false;
    this.#creditBytes -= itemBytes + itemCostBytes;
    return true;
  }

  answered(bytes: Uint8Array): void {
    if (this.#end !== undefined) return;
    this.#items.push(bytes);
    this.#turn();
  }

  ended(): void {
    this.#finish(undefined);
  }

  failed(error: LedgerError): void {
    this.#finish(error);
  }

  #took(itemBytes: number): void {
    this.#takenBytes += itemBytes + itemCostBytes;
    if (this.#takenBytes < this.windowBytes / 2 || this.#end !== undefined || this.#under === undefined)
      return;
    this.#under.caller.grant(this.#under.id, this.#takenBytes);
    this.#creditBytes += this.#takenBytes;
    this.#takenBytes = 0;
  }

  #stop(error: LedgerError | undefined): void {
    if (this.#end !== undefined) return;
    this.#items.length = 0;
    this.#finish(error);
    this.#under?.caller.cancel(this.#under.id);
  }

  #finish(error: LedgerError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#turn();
  }

  #turn(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
