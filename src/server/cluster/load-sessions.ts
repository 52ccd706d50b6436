import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import type { LoadInput, LoadResult } from "../../ledger/loader.ts";
import type { Clock } from "../../ledger/ports.ts";
import type { LoadStep } from "../../rpc/forwarded/load-steps.ts";
import { ChunkChannel } from "./chunk-channel.ts";

interface Session {
  readonly channel: ChunkChannel;
  readonly result: Promise<LoadResult>;
  cancelIdle: () => void;
}

/** Snapshots that come from other nodes piece by piece, on the node that restores them. */
export class LoadSessions {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #load: (input: LoadInput, chunks: AsyncIterable<Uint8Array>) => Promise<LoadResult>;
  readonly #sessions = new Map<bigint, Session>();
  #last = 0n;

  constructor(parts: {
    readonly clock: Clock;
    /** A load that is silent for so long is over. */
    readonly idleMs: number;
    readonly load: (input: LoadInput, chunks: AsyncIterable<Uint8Array>) => Promise<LoadResult>;
  }) {
    this.#clock = parts.clock;
    this.#idleMs = parts.idleMs;
    this.#load = parts.load;
  }

  /** Begins a load and returns its name. Throws UNAVAILABLE if there are too many. */
  begin(input: LoadInput): bigint {
    if (this.#sessions.size >= limits.forwardedLoadsMax) throw tooMany(this.#sessions.size);
    const load = (this.#last += 1n);
    const channel = new ChunkChannel();
    const result = this.#load(input, channel);
    const session: Session = { channel, result, cancelIdle: () => {} };
    this.#sessions.set(load, session);
    result.catch((error: unknown) => channel.fail(error)).finally(() => this.#rest(load, session));
    this.#rest(load, session);
    return load;
  }

  /** Takes the next step of a load; resolves with its result after the last. Rejects with what the load fails with. */
  async step(step: Exclude<LoadStep, { kind: "begin" }>): Promise<LoadResult | undefined> {
    const session = this.#sessions.get(step.load);
    if (session === undefined) throw unknownLoad();
    session.cancelIdle();
    switch (step.kind) {
      case "chunk":
        await session.channel.push(step.bytes);
        this.#rest(step.load, session);
        return undefined;
      case "end":
        session.channel.end();
        try {
          return await session.result;
        } finally {
          this.#forget(step.load, session);
        }
      case "abandon":
        session.channel.fail(abandoned());
        this.#forget(step.load, session);
        return undefined;
    }
  }

  /** Forgets a load of which nothing is heard. */
  #rest(load: bigint, session: Session): void {
    if (this.#sessions.get(load) !== session) return;
    session.cancelIdle();
    session.cancelIdle = this.#clock.after(this.#idleMs, () => {
      session.channel.fail(abandoned());
      this.#forget(load, session);
    });
  }

  #forget(load: bigint, session: Session): void {
    session.cancelIdle();
    this.#sessions.delete(load);
  }
}

function tooMany(count: number): LedgerError {
  return new LedgerError("UNAVAILABLE", `the node restores ${count} snapshots of other nodes already`, {
    ...{ reason: "OVERLOADED", value: count, limit: limits.forwardedLoadsMax },
    ...{ remedy: "load again when they are done", retryAfterMs: 1000 },
  });
}

function unknownLoad(): LedgerError {
  return new LedgerError("ABORTED", "the node that restores the snapshot has forgotten it", {
    ...{ reason: "LOAD_FORGOTTEN", remedy: "load again", retryAfterMs: 100 },
  });
}

function abandoned(): LedgerError {
  return new LedgerError("CANCELLED", "the rest of the snapshot did not come", {
    reason: "LOAD_FORGOTTEN",
    remedy: "load again",
  });
}
