import type { Head } from "./ports.ts";
import type { Content } from "./verification-rows.ts";

/** What the head of a context says of its entries, computed from them. */
export class VerificationSums {
  #bytes = 0;
  #lamport = 0n;
  #appendedAtNs = 0n;

  add({ bytes, lamport, appendedAtNs }: Content): void {
    this.#bytes += bytes;
    if (lamport > this.#lamport) this.#lamport = lamport;
    if (appendedAtNs > this.#appendedAtNs) this.#appendedAtNs = appendedAtNs;
  }

  /** Returns what does not match, if anything. */
  problemOf(head: Head): string | undefined {
    if (head.bytes !== this.#bytes)
      return `the context's head says ${head.bytes} bytes, and its entries have ${this.#bytes}`;
    if (head.lamport < this.#lamport)
      return `the context's Lamport clock ${head.lamport} is behind its entries', ${this.#lamport}`;
    if (head.appendedAtNs !== this.#appendedAtNs)
      return `the context's head says that its last entry is of ${head.appendedAtNs}, and it is of ${this.#appendedAtNs}`;
    return undefined;
  }
}
