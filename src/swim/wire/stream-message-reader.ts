import { assert } from "../../core/assert.ts";
import { limits } from "../../core/limits.ts";
import { inflate } from "./compression.ts";
import { decodeMessage, decodeState } from "./decode-message.ts";
import type { FieldReader } from "./field-reader.ts";
import { fields, fieldSet } from "./fields.ts";
import { messageTypes } from "./message-types.ts";
import type { NodeState, StreamMessage } from "./messages.ts";
import type { MsgpackReader } from "./msgpack-reader.ts";
import type { Refusal } from "./refusal.ts";

export type StreamProgress =
  | { readonly kind: "more" }
  | { readonly kind: "message"; readonly message: StreamMessage }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/**
 * Reads one message that may come in parts. States of a push/pull are read once: if more is needed, what begins at
 * {@link consumed} of the input is to be given again with what follows, and until the input's `wanted` in vain.
 */
export class StreamMessageReader {
  /** Where the first byte is that was not used up. */
  consumed = 0;
  readonly #isInflated: boolean;
  #type: number | undefined;
  #header: PushPullHeader | undefined;
  readonly #states: NodeState[] = [];
  #statesRead = 0;

  /** `isInflated` if the message was in a compressed layer. */
  constructor(isInflated = false) {
    this.#isInflated = isInflated;
  }

  read(reader: FieldReader): StreamProgress {
    const { input } = reader;
    this.consumed = input.offset;
    if (this.#type === undefined) {
      const type = input.byte();
      if (input.problem !== undefined) return more;
      this.#type = type;
      this.consumed = input.offset;
    }
    switch (this.#type) {
      case messageTypes.pushPull:
        return this.#readPushPull(reader);
      case messageTypes.compress:
        return this.#readCompressed(reader);
      case messageTypes.user:
        return readUser(reader);
      case messageTypes.error:
        if (!reader.read(errorFields)) return unread(input);
        return { kind: "message", message: { kind: "error", error: reader.error } };
      case messageTypes.ping:
      case messageTypes.ack: {
        const message = decodeMessage(reader, this.#type);
        if (typeof message === "string") return unread(input);
        assert(message.kind === "ping" || message.kind === "ack", "a message is of its type");
        return { kind: "message", message };
      }
      default:
        return refused("type");
    }
  }

  #readCompressed(reader: FieldReader): StreamProgress {
    if (this.#isInflated) return refused("too-deep");
    const inflated = inflate(reader, limits.gossipStreamBytesMax);
    if (inflated === "malformed") return unread(reader.input);
    if (typeof inflated === "string") return refused(inflated);
    reader.input.over(inflated, 0, inflated.length);
    return whole(new StreamMessageReader(true).read(reader));
  }

  #readPushPull(reader: FieldReader): StreamProgress {
    const { input } = reader;
    if (this.#header === undefined) {
      if (!reader.read(headerFields)) return unread(input);
      const { nodes, userStateLen, join } = reader;
      if (nodes > limits.gossipStatesMax || userStateLen > limits.gossipStreamBytesMax)
        return refused("too-large");
      this.#header = { nodes, userStateLen, join };
      this.consumed = input.offset;
    }
    const { nodes, userStateLen, join } = this.#header;
    for (; this.#statesRead < nodes; this.#statesRead++) {
      const state = decodeState(reader);
      if (input.problem !== undefined) return unread(input);
      if (state !== undefined) this.#states.push(state);
      this.consumed = input.offset;
    }
    const userState = input.verbatim(userStateLen);
    if (input.problem !== undefined) return more;
    return { kind: "message", message: { kind: "push-pull", join, states: this.#states, userState } };
  }
}

/** Returns `progress` of input that does not go on. */
export function whole(progress: StreamProgress): StreamProgress {
  return progress.kind === "more" ? refused("malformed") : progress;
}

interface PushPullHeader {
  readonly nodes: number;
  readonly userStateLen: number;
  readonly join: boolean;
}

const more: StreamProgress = { kind: "more" };

function refused(refusal: Refusal): StreamProgress {
  return { kind: "refused", refusal };
}

function unread(input: MsgpackReader): StreamProgress {
  return input.problem === "short" ? more : refused("malformed");
}

function readUser(reader: FieldReader): StreamProgress {
  const { input } = reader;
  if (!reader.read(userFields)) return unread(input);
  if (reader.userMsgLen > limits.gossipUserStreamBytesMax) return refused("too-large");
  const bytes = input.verbatim(reader.userMsgLen);
  return input.problem === undefined ? { kind: "message", message: { kind: "user", bytes } } : more;
}

const headerFields = fieldSet(fields.nodes, fields.userStateLen, fields.join);
const userFields = fieldSet(fields.userMsgLen);
const errorFields = fieldSet(fields.error);
