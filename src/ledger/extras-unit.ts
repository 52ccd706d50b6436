import type { LedgerError } from "../core/errors.ts";
import type { CommitExtras } from "./commit-extras.ts";
import type { Unit } from "./commit-unit.ts";
import type { Committer } from "./committer.ts";

/** Writes something beside rows and heads; resolves when it is on disk. Rejects with LedgerError. */
export function commitExtras(committer: Committer, extras: CommitExtras): Promise<void> {
  return new Promise((resolve, reject) => {
    committer.enqueue(new ExtrasUnit(extras, resolve, reject));
  });
}

class ExtrasUnit implements Unit {
  readonly state = undefined;
  readonly entries = 0;
  readonly bytes = 0;
  readonly #extras: CommitExtras;
  readonly #resolve: () => void;
  readonly #reject: (error: LedgerError) => void;

  constructor(extras: CommitExtras, resolve: () => void, reject: (error: LedgerError) => void) {
    this.#extras = extras;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  plan(): void {}

  rows(): readonly [] {
    return [];
  }

  headAfter(): undefined {
    return undefined;
  }

  extras(): CommitExtras {
    return this.#extras;
  }

  committed(): void {
    this.#resolve();
  }

  failed(error: LedgerError): void {
    this.#reject(error);
  }
}
