/**
 * Whether a node that belongs to a cluster has heard from it since the process started. Before, it does not know who there
 * is, so it must not act as if it were alone.
 */
export class FirstExchange {
  readonly #isNeeded: () => boolean | undefined;
  readonly #listeners = new Set<() => void>();
  #isOver = false;

  /** `isNeeded` tells whether there is somebody to hear from; undefined as long as that is not known. */
  constructor(isNeeded: () => boolean | undefined) {
    this.#isNeeded = isNeeded;
  }

  /** True from the moment on when it was over, or was found not to be needed. */
  get isOver(): boolean {
    // What is found once stays: others that join later are no reason to wait for them.
    if (!this.#isOver) this.#isOver = this.#isNeeded() === false;
    return this.#isOver;
  }

  /** Calls `listener` once it is over, unless it is, until the returned function is called. */
  onOver(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  over(): void {
    if (this.isOver) return;
    this.#isOver = true;
    this.#tell();
  }

  /** It may not be needed any more. */
  recheck(): void {
    if (!this.#isOver && this.isOver) this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}
