import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { limits } from "../../core/limits.ts";
import {
  AppendStreamRequestSchema,
  AppendStreamResponseSchema,
} from "../../gen/converge/ledger/v1/ledger_pb.ts";
import type { LedgerApi } from "../../ledger/ledger-api.ts";
import { withProofs } from "../acknowledged.ts";
import { toConnectError } from "../connect-error.ts";
import type { BodyAccount, BodyBudget } from "../incoming/body-budget.ts";
import { checkBinary, messageTooLong } from "../incoming/message-check.ts";
import { appendInput, streamError } from "../messages.ts";
import { FrameSplitter } from "./frame-splitter.ts";
import { frameHeaderBytes, framed, writeStreamAnswer } from "./plain-answers.ts";
import { type PlainBatch, readBatch } from "./plain-requests.ts";

/** The answer to one request; its frame is undefined while it is under way. */
interface Answer {
  frame: Uint8Array | undefined;
  readonly entries: number;
}

/** Where an {@link AppendPipe} comes from and goes to. */
export interface PipeEnds {
  /** Takes frames; false asks the pipe to wait until `resume`. */
  write(frames: Uint8Array): boolean;
  /** Stops (true) and starts (false) the flow of requests. */
  pause(paused: boolean): void;
  /** Everything has been answered and the client has ended, or the error came. Called once, last. */
  finished(error: ConnectError | undefined): void;
}

/**
 * AppendStream in its plain form: framed requests in, framed answers out in the same order, joined as they get ready.
 * At most `appendStreamInFlightMax` requests and about `appendStreamEntriesMax` entries are under way or wait for a
 * client that does not read its answers.
 */
export class AppendPipe {
  readonly #ledger: LedgerApi;
  readonly #ends: PipeEnds;
  readonly #splitter = new FrameSplitter(limits.requestBytesMax, () =>
    messageTooLong(AppendStreamRequestSchema, limits.requestBytesMax),
  );
  /** In the order of the requests. */
  #answers: Answer[] = [];
  /** Entries of the requests in `#answers`. */
  #entries = 0;
  readonly #account: BodyAccount;
  #flushing = false;
  #blocked = false;
  #paused = false;
  #inputOver = false;
  #finished = false;
  #error: ConnectError | undefined;

  constructor(ledger: LedgerApi, budget: BodyBudget, ends: PipeEnds) {
    this.#ledger = ledger;
    this.#account = budget.open();
    this.#ends = ends;
  }

  /** Takes the next piece of the request body. */
  push(piece: Buffer): void {
    if (this.#inputOver) return;
    try {
      for (const frame of this.#splitter.push(piece)) this.#begin(messageOf(frame));
      this.#account.set(this.#splitter.waiting);
    } catch (error) {
      this.#fail(toConnectError(error));
    }
    this.#regulate();
  }

  /** The request body has ended. */
  end(): void {
    if (this.#inputOver) return;
    try {
      this.#splitter.end();
      this.#inputOver = true;
      this.#finishIfDone();
    } catch (error) {
      this.#fail(toConnectError(error));
    }
  }

  /** Takes no more requests; once those under way are answered the pipe ends with `error`. */
  close(error: ConnectError): void {
    if (!this.#inputOver) this.#fail(error);
  }

  /** The client can take more answers. */
  resume(): void {
    this.#blocked = false;
    this.#flush();
  }

  /** The client has gone: nothing is written any more. What was begun goes on. */
  abandon(): void {
    this.#inputOver = true;
    this.#finished = true;
    this.#account.close();
  }

  #begin(message: Buffer): void {
    const { contextId, entries, minCopies, proof } = readBatch(message) ?? readAnyBatch(message);
    const answer: Answer = { frame: undefined, entries: entries.length };
    this.#answers.push(answer);
    this.#entries += entries.length;
    const appending = this.#ledger.appendBatch(contextId, entries, { minCopies });
    (proof ? withProofs(this.#ledger, contextId, appending) : appending).then(
      (appended) => this.#answered(answer, writeStreamAnswer(appended)),
      (error: unknown) =>
        this.#answered(answer, framed(toBinary(AppendStreamResponseSchema, streamError(error)))),
    );
  }

  #answered(answer: Answer, frame: Uint8Array): void {
    answer.frame = frame;
    if (this.#flushing) return;
    this.#flushing = true;
    // What one commit answers leaves together.
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /** Sends the answers that are ready and not behind one that is not. */
  #flush(): void {
    if (this.#blocked || this.#finished) return;
    const frames: Uint8Array[] = [];
    for (const { frame, entries } of this.#answers) {
      if (frame === undefined) break;
      frames.push(frame);
      this.#entries -= entries;
    }
    if (frames.length > 0) {
      this.#answers = this.#answers.slice(frames.length);
      this.#blocked = !this.#ends.write(
        frames.length === 1 && frames[0] !== undefined ? frames[0] : Buffer.concat(frames),
      );
      this.#regulate();
    }
    this.#finishIfDone();
  }

  /** Keeps what is under way, and what waits for a slow client, within bounds. */
  #regulate(): void {
    const full =
      this.#answers.length >= limits.appendStreamInFlightMax ||
      this.#entries >= limits.appendStreamEntriesMax;
    if (full === this.#paused) return;
    this.#paused = full;
    this.#ends.pause(full);
  }

  #fail(error: ConnectError): void {
    this.#error = error;
    this.#inputOver = true;
    this.#finishIfDone();
  }

  #finishIfDone(): void {
    if (!this.#inputOver || this.#answers.length > 0 || this.#finished) return;
    this.#finished = true;
    this.#ends.finished(this.#error);
  }
}

/** Returns the message of a frame. Throws ConnectError, as the general path does, if it is compressed. */
function messageOf(frame: Buffer): Buffer {
  if (frame[0] === 0) return frame.subarray(frameHeaderBytes);
  throw new ConnectError("received compressed envelope, but do not know how to decompress", Code.Internal);
}

/** Reads a request that uses more than the common fields. Throws INVALID_ARGUMENT. */
function readAnyBatch(message: Buffer): PlainBatch {
  checkBinary(message, AppendStreamRequestSchema);
  const { contextId, entries, minCopies, proof } = fromBinary(AppendStreamRequestSchema, message);
  return { contextId, entries: entries.map(appendInput), minCopies, proof };
}
