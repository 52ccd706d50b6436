/**
 * The store's side of the writing Worker: calls out, replies in, and what happens when it dies.
 *
 * @module
 */

import { type Commit, type CommitOutcome, StoreError } from "../ledger/ports.ts";
import type { DataPaths } from "./data-directory.ts";
import { StoreOpenError } from "./open-error.ts";
import type { OpenLedgerOptions } from "./open-ledger.ts";
import { packCommit } from "./packed-commit.ts";
import type { WriterReply, WriterRequest } from "./writer-messages.ts";

/** A packed commit of up to this many bytes leaves its buffer behind for the next one. */
const spareBytes = { min: 64 * 1024, max: 4 * 1024 * 1024 };

interface Call {
  readonly resolve: (value: WriterReply) => void;
  readonly reject: (error: Error) => void;
}

type State = "open" | "closing" | "closed";

export class WriterClient {
  /** Resolves with the reason if the Worker ends by itself. */
  readonly crashed: Promise<Error>;
  readonly #worker: Worker;
  readonly #onProblem: (problem: string) => void;
  readonly #calls = new Map<number, Call>();
  /** Resolves when the Worker is gone. */
  readonly #gone: Promise<void>;
  #deathReason = "it ended";
  #reportCrash: (error: Error) => void = () => undefined;
  #lastCall = 0;
  #state: State = "open";
  #spare: ArrayBuffer | undefined;

  constructor(url: URL | string, onProblem: (problem: string) => void) {
    this.#onProblem = onProblem;
    this.crashed = new Promise((resolve) => (this.#reportCrash = resolve));
    const worker = new Worker(url);
    this.#worker = worker;
    this.#gone = new Promise((resolve) => worker.addEventListener("close", () => resolve()));
    worker.addEventListener("message", ({ data }: MessageEvent<WriterReply>) => this.#receive(data));
    worker.addEventListener("error", ({ message }) => (this.#deathReason = message));
    // Calls fail only now that the thread is gone: before, a commit could still come through.
    worker.addEventListener("close", () => this.#ended());
  }

  /** Returns the first log number that is free. Throws StoreOpenError. */
  async open(paths: DataPaths, options: OpenLedgerOptions): Promise<number> {
    const reply = await this.#call(openCall, { kind: "open", paths, options }).catch((error: unknown) => {
      const text = `Cannot open ${paths.ledger}: its writer did not start: ${this.#deathReason}`;
      throw new StoreOpenError("io", text, { cause: error });
    });
    if (reply.kind === "opened") return reply.nextLog;
    if (reply.kind === "open-failed") throw new StoreOpenError(reply.failure, reply.message);
    throw unexpected(reply);
  }

  /** Throws StoreError if the writer has ended or was told to. */
  requireOpen(): void {
    if (this.#state === "open") return;
    throw new StoreError("closed", "The store is not open, or its writer has ended; open it again");
  }

  async commit(commit: Commit, nextLog: number): Promise<CommitOutcome> {
    this.requireOpen();
    const packed = packCommit(commit, this.#spare, spareBytes.min);
    this.#spare = undefined;
    const call = this.#nextCall();
    const reply = await this.#call(call, { kind: "commit", call, packed, nextLog }, [packed]);
    if (reply.kind !== "committed") throw unexpected(reply);
    if (reply.packed.byteLength <= spareBytes.max) this.#spare = reply.packed;
    return reply.outcome;
  }

  async discard(log: number, after: number): Promise<boolean> {
    this.requireOpen();
    const call = this.#nextCall();
    const reply = await this.#call(call, { kind: "discard", call, log, after });
    if (reply.kind !== "discarded") throw unexpected(reply);
    return reply.more;
  }

  /** Lets the calls under way finish, then closes the file. */
  async close(): Promise<void> {
    if (this.#state !== "open") return this.abort();
    this.#state = "closing";
    // Messages are served in order, so this one comes after all calls.
    await this.#call(closeCall, { kind: "close" }).catch((error: Error) => this.#onProblem(error.message));
    await this.abort();
  }

  /** Ends the Worker at once; the calls under way fail when it is gone. */
  async abort(): Promise<void> {
    if (this.#state !== "closed") this.#deathReason = "the store was closed";
    this.#state = "closed";
    this.#worker.terminate();
    await this.#gone;
  }

  #call(call: number, request: WriterRequest, transfer: ArrayBuffer[] = []): Promise<WriterReply> {
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      this.#worker.postMessage(request, transfer);
    });
  }

  #receive(reply: WriterReply): void {
    switch (reply.kind) {
      case "problem":
        this.#onProblem(reply.message);
        break;
      case "failed":
        this.#settle(reply.call)?.reject(new StoreError(reply.failure, reply.message));
        break;
      case "committed":
      case "discarded":
        this.#settle(reply.call)?.resolve(reply);
        break;
      case "opened":
      case "open-failed":
        this.#settle(openCall)?.resolve(reply);
        break;
      case "closed":
        this.#settle(closeCall)?.resolve(reply);
    }
  }

  #settle(call: number): Call | undefined {
    const waiting = this.#calls.get(call);
    this.#calls.delete(call);
    return waiting;
  }

  #ended(): void {
    const crashed = this.#state !== "closed";
    this.#state = "closed";
    const error = new StoreError(
      "unknown",
      `Cannot tell whether the commit was written: ${this.#deathReason}`,
    );
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
    if (crashed) this.#reportCrash(new Error(`The writer of the store ended: ${this.#deathReason}`));
  }

  #nextCall(): number {
    this.#lastCall += 1;
    return this.#lastCall;
  }
}

const openCall = 0;
const closeCall = -1;

function unexpected(reply: WriterReply): Error {
  return new Error(`assertion failed: a call is answered by its own reply, not "${reply.kind}"`);
}
