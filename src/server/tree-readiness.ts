import type { LedgerError } from "../core/errors.ts";
import type { Check, Readiness } from "../rpc/readiness.ts";
import type { ChildState } from "../supervisor/spec.ts";

/** Readiness as the supervision tree shows it: every part that does work must run. */
export class TreeReadiness implements Readiness {
  readonly #state: () => ChildState;
  readonly #appendTrouble: () => LedgerError | undefined;
  readonly #listeners = new Set<() => void>();
  #draining = false;

  constructor(state: () => ChildState, appendTrouble: () => LedgerError | undefined) {
    this.#state = state;
    this.#appendTrouble = appendTrouble;
  }

  checks(): readonly Check[] {
    const trouble = this.#appendTrouble();
    const detail = this.#draining ? "shutting down" : trouble?.facts.reason;
    return [
      ...leaves(this.#state()),
      detail === undefined ? { name: "appends", ok: true } : { name: "appends", ok: false, detail },
    ];
  }

  verbose(): unknown {
    return { ready: this.checks().every(({ ok }) => ok), checks: this.checks(), tree: this.#state() };
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Something may have changed. */
  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** From now on the server is not ready, so that load balancers stop sending to it. */
  drain(): void {
    this.#draining = true;
    this.changed();
  }
}

function leaves({ name, status, lastError, children }: ChildState): Check[] {
  if (children.length > 0) return children.flatMap(leaves);
  if (status === "running") return [{ name, ok: true }];
  return [{ name, ok: false, detail: lastError === undefined ? status : `${status}: ${lastError}` }];
}
