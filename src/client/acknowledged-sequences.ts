/** Contexts whose last acknowledgement a client remembers. */
const contextsMax = 10_000;

/** The highest sequence that was acknowledged to this client in each context, so that what it reads next has it. Bounded. */
export class AcknowledgedSequences {
  /** The ones that were acknowledged last are at the end. */
  readonly #sequences = new Map<string, bigint>();

  /** Takes note of what was acknowledged. */
  note(contextId: string, sequence: bigint): void {
    const known = this.#sequences.get(contextId) ?? 0n;
    this.#sequences.delete(contextId);
    this.#sequences.set(contextId, sequence > known ? sequence : known);
    if (this.#sequences.size <= contextsMax) return;
    const [oldest] = this.#sequences.keys();
    if (oldest !== undefined) this.#sequences.delete(oldest);
  }

  /** Returns 0 if nothing was, or not for long. */
  of(contextId: string): bigint {
    return this.#sequences.get(contextId) ?? 0n;
  }
}
