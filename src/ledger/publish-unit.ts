import type { LedgerError } from "../core/errors.ts";
import type { CommitExtras } from "./commit-extras.ts";
import type { Unit } from "./commit-unit.ts";
import type { ContextState } from "./context-state.ts";
import type { Head, NewRow, Replica } from "./ports.ts";

interface PublishParts {
  readonly base: Head | undefined;
  readonly to: Head;
  /** Written with it. */
  readonly replica?: Replica;
  /** Returns the error for a context whose head has moved to `planned`. */
  refuse(planned: Head | undefined): LedgerError;
  resolve(): void;
  reject(error: LedgerError): void;
}

/** Makes a context's head name a staged log, if the head is still the one the log was built on. */
export class PublishUnit implements Unit {
  readonly state: ContextState;
  /** A load that has come this far is not refused for want of room. */
  readonly entries = 0;
  readonly bytes = 0;
  readonly #parts: PublishParts;
  readonly #settled = Promise.withResolvers<void>();

  constructor(parts: PublishParts & { readonly state: ContextState }) {
    this.state = parts.state;
    this.#parts = parts;
  }

  plan(): void {
    const { planned } = this.state;
    const { base, to } = this.#parts;
    if (this.#parts.replica === undefined) this.state.shared?.checkWritable();
    if (planned?.log !== base?.log || planned?.latest !== base?.latest) throw this.#parts.refuse(planned);
    this.state.planned = to;
    this.state.publishing = this.#settled.promise;
  }

  rows(): readonly NewRow[] {
    return [];
  }

  headAfter(): Head {
    return this.#parts.to;
  }

  extras(): CommitExtras {
    const { replica } = this.#parts;
    return replica === undefined ? {} : { replicas: [replica] };
  }

  /** What another node has published is answered when it is on this node's disk. */
  answeredAt(): number | undefined {
    return this.#parts.replica === undefined ? this.#parts.to.latest : undefined;
  }

  committed(): void {
    this.#settle();
    this.#parts.resolve();
  }

  failed(error: LedgerError): void {
    this.#settle();
    this.#parts.reject(error);
  }

  #settle(): void {
    this.state.publishing = undefined;
    this.#settled.resolve();
  }
}
