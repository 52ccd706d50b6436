import { assert } from "../../core/assert.ts";
import { limits } from "../../core/limits.ts";
import { FieldReader } from "./field-reader.ts";
import { startsWithLabel } from "./label.ts";
import { messageTypes } from "./message-types.ts";
import type { PacketCodec } from "./packet-codec.ts";
import type { Refusal } from "./refusal.ts";
import { open, sealInto, sealOverhead } from "./seal.ts";
import { StreamBuffer } from "./stream-buffer.ts";
import { StreamMessageReader, type StreamProgress, whole } from "./stream-message-reader.ts";

export type { StreamProgress } from "./stream-message-reader.ts";

/** Who opened the stream: the dialler's bytes begin with the label, the acceptor's do not. */
export type StreamRole = "dialler" | "acceptor";

/** Returns a message as it goes over a stream of which we are the `role`; `body` itself if there is nothing to add. */
export function wrapStream(codec: PacketCodec, body: Uint8Array, role: StreamRole): Uint8Array {
  const header = role === "dialler" ? codec.labelHeader : noHeader;
  const [key] = codec.keyring.keys;
  if (key === undefined) return header.length === 0 ? body : joined(header, body);
  const sealedBytes = sealOverhead + body.length;
  assert(sealedBytes <= limits.gossipStreamBytesMax, "what others would refuse is not sent");
  const bytes = new Uint8Array(header.length + sealHeaderBytes + sealedBytes);
  bytes.set(header);
  const sealHeader = bytes.subarray(header.length, header.length + sealHeaderBytes);
  sealHeader[0] = messageTypes.encrypt;
  new DataView(sealHeader.buffer, sealHeader.byteOffset).setUint32(1, sealedBytes);
  const additional = joined(sealHeader, codec.label);
  const { cipher, random } = codec;
  sealInto(bytes, header.length + sealHeaderBytes, body, { key, additional, cipher, random });
  return bytes;
}

/**
 * Reads the one message that comes over a stream of which we are the `role`, in parts of any size. Takes time in
 * proportion to what comes, and memory to what is not read yet. What comes after the message, or after the stream was
 * refused, is passed over. Never throws.
 */
export class StreamDecoder {
  readonly #codec: PacketCodec;
  readonly #role: StreamRole;
  readonly #buffer = new StreamBuffer();
  readonly #reader = new FieldReader();
  readonly #message = new StreamMessageReader();
  #phase: "label" | "type" | "sealed" | "plain" | "done" = "label";
  /** How much of the buffer is needed at least before it is worth looking again. */
  #wanted = 1;
  /** Bytes that were read already. */
  #consumed = 0;

  constructor(codec: PacketCodec, role: StreamRole) {
    this.#codec = codec;
    this.#role = role;
  }

  push(bytes: Uint8Array): StreamProgress {
    if (this.#phase === "done") return more;
    if (this.#consumed + this.#buffer.length + bytes.length > receivedBytesMax)
      return this.#end(refused("too-large"));
    this.#buffer.append(bytes);
    while (this.#buffer.length >= this.#wanted) {
      const progress = this.#advance();
      if (progress.kind !== "more") return this.#end(progress);
    }
    return more;
  }

  #end(progress: StreamProgress): StreamProgress {
    this.#phase = "done";
    this.#buffer.clear();
    return progress;
  }

  /** Looks at what is there; `#wanted` is more than that, or the phase another, afterwards. */
  #advance(): StreamProgress {
    switch (this.#phase) {
      case "label":
        return this.#readLabel();
      case "type":
        return this.#readType();
      case "sealed":
        return this.#readSealed();
      case "plain":
      case "done":
        return this.#readPlain();
    }
  }

  #readLabel(): StreamProgress {
    // Nobody puts a label before an answer; if it is there, it is not what it should be.
    const header = this.#role === "acceptor" ? this.#codec.labelHeader : noHeader;
    const fits = startsWithLabel(this.#buffer.view(), 0, this.#buffer.length, header);
    if (fits === false) return refused("label");
    if (fits === undefined) this.#wanted = this.#buffer.length + 1;
    else this.#enter("type", header.length, 1);
    return more;
  }

  #readType(): StreamProgress {
    const type = this.#buffer.view()[0];
    const hasKeys = this.#codec.keyring.keys.length > 0;
    if (type !== messageTypes.encrypt) {
      if (hasKeys) return refused("plain");
      this.#enter("plain", 0, 1);
    } else if (hasKeys) this.#enter("sealed", 0, sealHeaderBytes);
    else return refused("key");
    return more;
  }

  #readSealed(): StreamProgress {
    const bytes = this.#buffer.view();
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
    if (length > limits.gossipStreamBytesMax) return refused("too-large");
    this.#wanted = sealHeaderBytes + length;
    if (bytes.length < this.#wanted) return more;
    const { label, keyring, cipher } = this.#codec;
    const sealed = bytes.subarray(sealHeaderBytes, this.#wanted);
    const additional = joined(bytes.subarray(0, sealHeaderBytes), label);
    const plain = open(sealed, additional, keyring, cipher);
    if (plain === undefined) return refused("key");
    this.#reader.input.over(plain, 0, plain.length);
    return whole(this.#message.read(this.#reader));
  }

  #readPlain(): StreamProgress {
    const { input } = this.#reader;
    const bytes = this.#buffer.view();
    input.over(bytes, 0, bytes.length);
    const progress = this.#message.read(this.#reader);
    const { consumed } = this.#message;
    if (progress.kind !== "more") return progress;
    this.#enter("plain", consumed, input.wanted - consumed);
    return this.#consumed + this.#wanted > receivedBytesMax ? refused("too-large") : more;
  }

  #enter(phase: "type" | "sealed" | "plain", consumed: number, wanted: number): void {
    this.#phase = phase;
    this.#buffer.consume(consumed);
    this.#consumed += consumed;
    this.#wanted = wanted;
  }
}

/** The type byte, and the length of what follows it. */
const sealHeaderBytes = 5;
/** A message, and the label and layers before it. */
const receivedBytesMax = limits.gossipStreamBytesMax + 1024;
const noHeader = new Uint8Array(0);
const more: StreamProgress = { kind: "more" };

function refused(refusal: Refusal): StreamProgress {
  return { kind: "refused", refusal };
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(one.length + other.length);
  bytes.set(one);
  bytes.set(other, one.length);
  return bytes;
}
