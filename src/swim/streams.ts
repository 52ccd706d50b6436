import { limits } from "../core/limits.ts";
import type { Endpoint } from "./endpoint.ts";
import type { StreamId } from "./input.ts";
import type { NodeContext } from "./node-context.ts";
import type { StreamMessage } from "./wire/messages.ts";
import type { Refusal } from "./wire/refusal.ts";
import { StreamDecoder, wrapStream } from "./wire/stream-codec.ts";

/** How a stream that this node opened has ended. */
export type StreamOutcome =
  | { readonly kind: "message"; readonly message: StreamMessage }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** No answer came; why, if it is known. */
  | { readonly kind: "ended"; readonly error: string | undefined };

interface Session {
  readonly decoder: StreamDecoder;
  readonly peer: Endpoint;
  /** Undefined for streams of others. */
  readonly report: ((outcome: StreamOutcome) => void) | undefined;
}

/** Streams that are open: each brings one message, and at most one goes back. */
export class Streams {
  readonly #node: NodeContext;
  readonly #answer: (stream: StreamId, message: StreamMessage) => void;
  readonly #sessions = new Map<StreamId, Session>();

  /** `answer` gets what comes on streams that others opened, and writes to or closes each. */
  constructor(node: NodeContext, answer: (stream: StreamId, message: StreamMessage) => void) {
    this.#node = node;
    this.#answer = answer;
  }

  /** Connects, sends a message, and calls `report` once with what comes back. */
  open(
    to: Endpoint,
    body: Uint8Array,
    timeoutMs: number,
    report: (outcome: StreamOutcome) => void,
  ): StreamId {
    const { codec, outbox } = this.#node;
    const stream = outbox.openStream(to, wrapStream(codec, body, "dialler"), timeoutMs);
    this.#sessions.set(stream, { decoder: new StreamDecoder(codec, "dialler"), peer: to, report });
    return stream;
  }

  /** Connects and sends a message that has no answer. */
  post(to: Endpoint, body: Uint8Array, timeoutMs: number): void {
    const { codec, outbox } = this.#node;
    outbox.closeStream(outbox.openStream(to, wrapStream(codec, body, "dialler"), timeoutMs));
  }

  /** Sends the answer to a stream of somebody else, and closes it. */
  reply(stream: StreamId, body: Uint8Array): void {
    this.#node.outbox.answerStream(stream, wrapStream(this.#node.codec, body, "acceptor"));
  }

  /** Wants nothing more of a stream. */
  close(stream: StreamId): void {
    this.#sessions.delete(stream);
    this.#node.outbox.closeStream(stream);
  }

  opened(stream: StreamId, from: Endpoint): void {
    if (this.#sessions.size >= 2 * limits.gossipStreamsMax) {
      this.#node.outbox.closeStream(stream);
      return;
    }
    const decoder = new StreamDecoder(this.#node.codec, "acceptor");
    this.#sessions.set(stream, { decoder, peer: from, report: undefined });
  }

  data(stream: StreamId, bytes: Uint8Array): void {
    const session = this.#sessions.get(stream);
    if (session === undefined) return;
    const progress = session.decoder.push(bytes);
    if (progress.kind === "more") return;
    this.#sessions.delete(stream);
    if (progress.kind === "refused") this.#refused(session.peer, progress.refusal);
    if (session.report !== undefined) {
      this.#node.outbox.closeStream(stream);
      session.report(progress);
    } else if (progress.kind === "message") this.#answer(stream, progress.message);
    else this.#node.outbox.closeStream(stream);
  }

  ended(stream: StreamId, error: string | undefined): void {
    const session = this.#sessions.get(stream);
    if (session === undefined) return;
    this.#sessions.delete(stream);
    session.report?.({ kind: "ended", error });
  }

  #refused(from: Endpoint, refusal: Refusal): void {
    const { counters, outbox } = this.#node;
    counters.refused[refusal] = (counters.refused[refusal] ?? 0) + 1;
    outbox.notice({ kind: "refused", from, refusal });
  }
}
