export interface WriteAbilityParts {
  /** Why the last commit failed, for a while. */
  readonly trouble: () => unknown;
  /** How much of what is stored is known to be damaged. */
  readonly damaged: () => number;
}

/**
 * Whether this node says that it takes appends. A commit that failed is forgotten after a while, but the node is only able again
 * once one has succeeded: others are not to come and go with a disk that is full. Something is committed every minute.
 */
export class WriteAbility {
  readonly #parts: WriteAbilityParts;
  #hasFailed = false;

  constructor(parts: WriteAbilityParts) {
    this.#parts = parts;
  }

  get isAble(): boolean {
    if (this.#parts.trouble() !== undefined) this.#hasFailed = true;
    return !this.#hasFailed && this.#parts.damaged() === 0;
  }

  /** A commit has succeeded. */
  committed(): void {
    this.#hasFailed = false;
  }
}
