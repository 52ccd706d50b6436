import { asError } from "../../core/as-error.ts";
import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { Allowance } from "./allowance.ts";
import type { Caller } from "./caller.ts";
import type { Ending } from "./connection.ts";
import { unreachable } from "./peer-error.ts";
import type { PeerClock, PeerTiming } from "./peer-options.ts";

export interface PeerLinkOptions {
  readonly nodeId: string;
  /** Connects anew; undefined if nobody knows where the node is. */
  readonly dial: (signal: AbortSignal) => Promise<Caller> | undefined;
  readonly clock: PeerClock;
  readonly timing: PeerTiming;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** The node cannot be reached, for another reason than before; undefined if it can again. */
  readonly onTrouble: (error: Error | undefined) => void;
  /** A connection was cut because the node was silent. */
  readonly onSilent: () => void;
  /** There is no connection, and nobody needs one. */
  readonly onIdle: () => void;
}

/** A connection that ends so soon is as good as none. */
const shortMs = 1000;

/**
 * The way to one other node: a connection that is kept while it is used, and sought again when it is lost. While it is
 * sought in vain, whoever asks is told so at once.
 */
export class PeerLink {
  readonly calls = new Allowance({ count: limits.peerCallsMax, bytes: limits.peerBytesMax });
  readonly streams = new Allowance({ count: limits.peerStreamsMax, bytes: limits.peerBytesMax });
  readonly #options: PeerLinkOptions;
  readonly #stopped = new AbortController();
  #caller: Caller | undefined;
  /** Connections of which only the answers are waited for. */
  readonly #retired = new Set<Caller>();
  #dialling: Promise<Caller> | undefined;
  #failure: { readonly error: Error; readonly untilMs: number } | undefined;
  #attempts = 0;
  #connectedMs = 0;
  #usedMs: number;
  #cancelTimer: () => void = () => undefined;
  #trouble: string | undefined;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.#usedMs = options.clock.nowMs();
    this.#rest();
  }

  get isConnected(): boolean {
    return this.#caller !== undefined;
  }

  /** Why the node is not reached; undefined if it is, or nobody has tried. */
  get failure(): Error | undefined {
    return this.#failure?.error;
  }

  /** Returns the connection, or the promise of one. Throws, or rejects with, LedgerError PEER_UNREACHABLE. */
  connection(): Caller | Promise<Caller> {
    const { clock, nodeId } = this.#options;
    this.#usedMs = clock.nowMs();
    if (this.#caller !== undefined) return this.#caller;
    if (this.#failure !== undefined) {
      const { error, untilMs } = this.#failure;
      const retryAfterMs = Math.max(10, untilMs - this.#usedMs);
      throw unreachable(nodeId, error.message, { retryAfterMs, cause: error });
    }
    if (this.#stopped.signal.aborted) throw unreachable(nodeId, "this node stops");
    return this.#dial();
  }

  /** The node may be reached now, or somewhere else: tries at once if it is sought. */
  retry(): void {
    if (this.#failure === undefined || this.#dialling !== undefined) return;
    this.#attempts = 0;
    this.#seek();
  }

  /** Keys have changed: `isKnown` tells which may be used, the first one is used from now on. */
  renew(primary: string | undefined, isKnown: (keyId: string | undefined) => boolean): void {
    for (const caller of this.#retired) if (!isKnown(caller.connection.session.keyId)) cut(caller);
    const caller = this.#caller;
    if (caller === undefined || caller.connection.session.keyId === primary) return;
    if (!isKnown(caller.connection.session.keyId)) return cut(caller);
    // The old one serves until there is a new one.
    if (this.#dialling === undefined) void this.#dial().catch(() => undefined);
  }

  /** Cuts everything. */
  stop(): void {
    this.#stopped.abort();
    this.#cancelTimer();
    for (const caller of [...this.#retired, this.#caller]) {
      caller?.connection.end({ kind: "closed", text: "this node stops" });
    }
  }

  #dial(): Promise<Caller> {
    this.#dialling ??= this.#attempt().finally(() => (this.#dialling = undefined));
    return this.#dialling;
  }

  async #attempt(): Promise<Caller> {
    const { nodeId, dial, clock } = this.#options;
    try {
      const dialled = dial(this.#stopped.signal);
      if (dialled === undefined) throw new Error("it is no member of the cluster that this node knows");
      const caller = await dialled;
      this.#connected(caller);
      return caller;
    } catch (error) {
      this.#failed(asError(error));
      const retryAfterMs = Math.max(10, (this.#failure?.untilMs ?? 0) - clock.nowMs());
      throw unreachable(nodeId, asError(error).message, { retryAfterMs, cause: error });
    }
  }

  #connected(caller: Caller): void {
    const old = this.#caller;
    this.#caller = caller;
    this.#failure = undefined;
    this.#connectedMs = this.#options.clock.nowMs();
    this.#tell(undefined);
    this.#rest();
    void caller.ended.then((ending) => this.#lost(caller, ending));
    if (old === undefined) return;
    this.#retired.add(old);
    old.retire();
  }

  #lost(caller: Caller, ending: Ending): void {
    this.#retired.delete(caller);
    if (ending.kind === "silent") this.#options.onSilent();
    if (this.#caller !== caller) return;
    this.#caller = undefined;
    if (this.#stopped.signal.aborted) return;
    const { clock, timing } = this.#options;
    const nowMs = clock.nowMs();
    if (nowMs - this.#connectedMs >= shortMs) this.#attempts = 0;
    if (ending.kind === "silent" || nowMs - this.#connectedMs < shortMs)
      return this.#failed(new Error(ending.text));
    // A node that restarts is back at once; one that does not is found out at once.
    if (nowMs - this.#usedMs < timing.idleMs) void this.#dial().catch(() => undefined);
    else this.#rest();
  }

  #failed(error: Error): void {
    if (this.#stopped.signal.aborted || this.#caller !== undefined) return;
    const { clock, timing, random } = this.#options;
    this.#attempts += 1;
    const boundMs = Math.min(timing.redialMaxMs, timing.redialMinMs * 2 ** Math.min(this.#attempts - 1, 20));
    const waitMs = boundMs * (0.5 + random() / 2);
    this.#failure = { error, untilMs: clock.nowMs() + waitMs };
    this.#tell(error);
    this.#cancelTimer();
    this.#cancelTimer = clock.after(waitMs, () => {
      if (clock.nowMs() - this.#usedMs < timing.idleMs) this.#seek();
      else {
        // Whoever asks next waits for an answer.
        this.#failure = undefined;
        this.#rest();
      }
    });
  }

  /** The failure stands until this succeeds. */
  #seek(): void {
    this.#cancelTimer();
    void this.#dial().catch(() => undefined);
  }

  /** Closes the connection when nobody has used it for a while. */
  #rest(): void {
    const { clock, timing, onIdle } = this.#options;
    this.#cancelTimer();
    this.#cancelTimer = clock.after(timing.idleMs, () => {
      const isUsed = this.#dialling !== undefined || this.#caller?.isIdle === false || this.calls.count > 0;
      if (isUsed || clock.nowMs() - this.#usedMs < timing.idleMs) return this.#rest();
      if (this.#caller === undefined) return onIdle();
      const caller = this.#caller;
      this.#caller = undefined;
      caller.connection.end({ kind: "closed", text: "it was not used" });
      this.#rest();
    });
  }

  #tell(error: Error | undefined): void {
    const trouble = error instanceof LedgerError ? error.facts.reason : error?.message;
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#options.onTrouble(error);
  }
}

function cut(caller: Caller): void {
  caller.connection.end({ kind: "closed", text: "its gossip key was removed" });
}
