/** A hash over what happens in a simulation: two runs are the same if it is. */
export class StoryTrace {
  readonly #hasher = new Bun.CryptoHasher("sha256");

  note(...what: readonly (string | number)[]): void {
    this.#hasher.update(`${what.join(" ")}\n`);
  }

  /** 64 hex digits. Nothing can be noted afterwards. */
  digest(): string {
    return this.#hasher.digest("hex");
  }
}
