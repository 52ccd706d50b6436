import { randomUUID } from "node:crypto";
import { asError } from "../../core/as-error.ts";
import { LedgerError } from "../../core/errors.ts";
import type { KeyHolder } from "./key-holder.ts";
import {
  decodeKeyMessage,
  encodeKeyMessage,
  type KeyMessage,
  type KeyRequest,
  type KeyState,
} from "./key-messages.ts";

/** What all members said to one request. */
export interface KeyRound {
  readonly states: ReadonlyMap<string, KeyState>;
  /** Members that did not do it, and why. */
  readonly failures: ReadonlyMap<string, string>;
}

export interface KeyRoundsParts {
  readonly selfName: string;
  readonly holder: KeyHolder;
  /** Members to ask, this node excepted; those that are no ledger nodes cannot answer. */
  readonly members: () => readonly { readonly name: string; readonly isLedgerNode: boolean }[];
  /** Sends bytes to one member over a sealed stream. Throws LedgerError if it is not there. */
  readonly send: (to: string, bytes: Uint8Array) => void;
  /** The keyring has changed. */
  readonly changed: () => void;
}

const answerWaitMs = 5000;
/** Requests of this node that wait for answers at the same time. */
const roundsMax = 16;

type Answer = Extract<KeyMessage, { kind: "answer" }>;

/** Asks every member about gossip keys, or to change them, and answers those that ask. */
export class KeyRounds {
  readonly #parts: KeyRoundsParts;
  readonly #waiting = new Map<string, (answer: Answer) => void>();

  constructor(parts: KeyRoundsParts) {
    this.#parts = parts;
  }

  /** Takes a user message. Returns false if it is not about keys. */
  receive(bytes: Uint8Array): boolean {
    const message = decodeKeyMessage(bytes);
    if (message === undefined) return false;
    if (message.kind === "answer") this.#waiting.get(message.round)?.(message);
    else this.#answer(message);
    return true;
  }

  /**
   * Does it here and asks every member for the same; resolves when all have answered, or at the latest after 5 s.
   * Rejects with LedgerError if it cannot be done here, with nothing changed anywhere.
   */
  async ask(request: KeyRequest, signal: AbortSignal): Promise<KeyRound> {
    const { selfName, holder, members } = this.#parts;
    if (holder.isEmpty) throw notEncrypted();
    if (this.#waiting.size >= roundsMax) throw tooMany();
    this.#apply(request);
    const states = new Map<string, KeyState>([[selfName, holder.state]]);
    const failures = new Map<string, string>();
    const asked = new Set<string>();
    for (const { name, isLedgerNode } of members()) {
      if (isLedgerNode) asked.add(name);
      else failures.set(name, "it is no ledger node, and takes no requests about keys");
    }
    await this.#collect(request, asked, signal, ({ from, state, error }) => {
      states.set(from, state);
      if (error !== undefined) failures.set(from, error);
    });
    for (const name of asked) failures.set(name, "it did not answer in time");
    return { states, failures };
  }

  /** Takes those that answer, or cannot be asked, out of `asked`. */
  #collect(
    request: KeyRequest,
    asked: Set<string>,
    signal: AbortSignal,
    answered: (answer: Answer) => void,
  ): Promise<void> {
    if (asked.size === 0) return Promise.resolve();
    const round = randomUUID();
    const bytes = encodeKeyMessage({ kind: "request", round, from: this.#parts.selfName, request });
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        this.#waiting.delete(round);
        resolve();
      };
      const timer = setTimeout(end, answerWaitMs);
      signal.addEventListener("abort", end);
      if (signal.aborted) return end();
      this.#waiting.set(round, (answer) => {
        if (!asked.delete(answer.from)) return;
        answered(answer);
        if (asked.size === 0) end();
      });
      for (const name of asked) this.#send(name, bytes);
    });
  }

  #answer({ round, from, request }: Extract<KeyMessage, { kind: "request" }>): void {
    let error: string | undefined;
    try {
      this.#apply(request);
    } catch (failure) {
      error = asError(failure).message;
    }
    const { selfName, holder } = this.#parts;
    this.#send(from, encodeKeyMessage({ kind: "answer", round, from: selfName, state: holder.state, error }));
  }

  #apply(request: KeyRequest): void {
    const { holder, changed } = this.#parts;
    const before = holder.ring;
    if (holder.isEmpty) throw notEncrypted();
    if (holder.apply(request) !== before) changed();
  }

  /** A member that has gone meanwhile does not answer, and that is said. */
  #send(to: string, bytes: Uint8Array): void {
    try {
      this.#parts.send(to, bytes);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
    }
  }
}

function notEncrypted(): LedgerError {
  return new LedgerError("FAILED_PRECONDITION", "gossip is not encrypted", {
    reason: "GOSSIP_NOT_ENCRYPTED",
    remedy: "start every node with --gossip-key-file",
  });
}

function tooMany(): LedgerError {
  return new LedgerError("RESOURCE_EXHAUSTED", `${roundsMax} requests about gossip keys are under way`, {
    reason: "GOSSIP_KEY_REQUESTS_TOO_MANY",
    limit: roundsMax,
    remedy: "wait for them to end",
    retryAfterMs: 5000,
  });
}
