import { createLedgerClient, type LedgerClient } from "../../../src/client/ledger-client.ts";
import { type MemberChangeKind, MemberState } from "../../../src/gen/converge/ledger/v1/membership_pb.ts";
import { type Ledger, startLedger } from "../peers/ledger.ts";
import type { Bench } from "../run/bench.ts";

export interface LedgerNodeOptions {
  readonly name: string;
  readonly data: string;
  readonly flags: readonly string[];
  /** Called after the view has changed; `change` is undefined for the first view of a life. */
  readonly onChange: (change: MemberChangeKind | undefined, member: string) => void;
}

/** A node of a cluster of processes, in all its lives, and what it says of the others. */
export class LedgerNode {
  readonly name: string;
  readonly #bench: Bench;
  readonly #options: LedgerNodeOptions;
  readonly #view = new Map<string, MemberState>();
  #ledger: Ledger | undefined;
  #watch = new AbortController();

  constructor(bench: Bench, options: LedgerNodeOptions) {
    this.#bench = bench;
    this.#options = options;
    this.name = options.name;
  }

  get ledger(): Ledger {
    if (this.#ledger === undefined) throw new Error(`${this.name} does not run`);
    return this.#ledger;
  }

  /** How it saw a member when it spoke of it last. */
  sees(member: string): MemberState {
    return this.#view.get(member) ?? MemberState.UNSPECIFIED;
  }

  /** Starts the process, and watches its members. */
  async start(): Promise<void> {
    const { data, flags } = this.#options;
    this.#ledger = await startLedger(this.#bench, data, flags);
    this.#watch = new AbortController();
    void this.#follow(this.#client(), this.#watch.signal);
  }

  /** Ends the process without a word; returns when it was told to end. */
  async kill(): Promise<number> {
    this.unwatch();
    const atMs = performance.now();
    this.signal("SIGKILL");
    await this.ledger[Symbol.asyncDispose]();
    this.#ledger = undefined;
    return atMs;
  }

  /** Lets it say good-bye; its process stays. Returns when it was asked to. */
  async leave(): Promise<number> {
    this.unwatch();
    const atMs = performance.now();
    await this.#client().membership.leave();
    return atMs;
  }

  signal(name: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    process.kill(this.ledger.pid, name);
  }

  /** Asks it nothing more, so that it has nothing to answer. */
  unwatch(): void {
    this.#watch.abort();
    this.#view.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ledger !== undefined) await this.kill();
  }

  #client(): LedgerClient {
    return createLedgerClient({ url: this.ledger.url });
  }

  async #follow(client: LedgerClient, signal: AbortSignal): Promise<void> {
    try {
      for await (const item of client.membership.watch({ signal })) {
        if (item.kind === "members") {
          for (const { name, state } of item.members) this.#view.set(name, state);
          this.#options.onChange(undefined, this.name);
        } else {
          this.#view.set(item.member.name, item.member.state);
          this.#options.onChange(item.change, item.member.name);
        }
      }
    } catch (error) {
      if (!signal.aborted) this.#bench.log(`${this.name} cannot be watched: ${String(error)}`);
    }
  }
}
