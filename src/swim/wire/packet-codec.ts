import { limits } from "../../core/limits.ts";
import type { Cipher } from "../cipher.ts";
import type { SwimRandom } from "../random.ts";
import { visitParts } from "./compound.ts";
import { inflate } from "./compression.ts";
import { crc32 } from "./crc32.ts";
import { decodeMessage } from "./decode-message.ts";
import { FieldReader } from "./field-reader.ts";
import type { Keyring } from "./keyring.ts";
import { labelHeader, labelHeaderOverhead, startsWithLabel } from "./label.ts";
import { messageTypes } from "./message-types.ts";
import type { PacketMessage } from "./messages.ts";
import type { Refusal } from "./refusal.ts";
import { open, sealInto, sealOverhead } from "./seal.ts";

export type Unwrapped =
  | {
      readonly kind: "messages";
      readonly messages: readonly PacketMessage[];
      /** How many more, of a compound, could not be read. */
      readonly malformed: number;
    }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export interface PacketCodecOptions {
  readonly label: string;
  readonly keyring: Keyring;
  readonly cipher: Cipher;
  readonly random: SwimRandom;
}

/**
 * The layers of packets. From the outside: label, seal, checksum, and compounds and compressed ones in each other. What
 * it reads never shares memory with the packet, and whatever comes in, it never throws.
 */
export class PacketCodec {
  readonly cipher: Cipher;
  readonly random: SwimRandom;
  /** Empty without a label. */
  readonly labelHeader: Uint8Array;
  readonly label: Uint8Array;
  /** Packets that are not sealed are refused unless it is empty. */
  keyring: Keyring;
  readonly #reader = new FieldReader();
  #messages: PacketMessage[] = [];
  #malformed = 0;
  #inflatedBytes = 0;
  #firstRefusal: Refusal | undefined;
  #refusalOfAll: Refusal | undefined;

  constructor({ label, keyring, cipher, random }: PacketCodecOptions) {
    this.cipher = cipher;
    this.random = random;
    this.labelHeader = labelHeader(label);
    this.label = this.labelHeader.subarray(labelHeaderOverhead);
    this.keyring = keyring;
  }

  /** Bytes that {@link wrap} adds now, checksum included. */
  get overhead(): number {
    const sealing = this.keyring.keys.length === 0 ? 0 : sealOverhead;
    return this.labelHeader.length + sealing + crcOverhead;
  }

  /**
   * Returns a packet with `body`, a message or compound; `body` itself if there is nothing to add. `crc` adds a
   * checksum, for members whose newest protocol is 5 or more.
   */
  wrap(body: Uint8Array, options?: { readonly crc?: boolean }): Uint8Array {
    const plain = options?.crc === true ? withCrc(body) : body;
    const header = this.labelHeader;
    const [key] = this.keyring.keys;
    if (key === undefined && header.length === 0) return plain;
    const sealing = key === undefined ? 0 : sealOverhead;
    const packet = new Uint8Array(header.length + sealing + plain.length);
    packet.set(header);
    const { cipher, random, label: additional } = this;
    if (key === undefined) packet.set(plain, header.length);
    else sealInto(packet, header.length, plain, { key, additional, cipher, random });
    return packet;
  }

  /** Reads a packet. */
  unwrap(bytes: Uint8Array): Unwrapped {
    const header = this.labelHeader;
    if (bytes.length > limits.gossipPacketBytesMax) return refused("too-large");
    if (bytes.length === 0) return refused("malformed");
    if (startsWithLabel(bytes, 0, bytes.length, header) !== true) return refused("label");
    const body = header.length === 0 ? bytes : bytes.subarray(header.length);
    if (this.keyring.keys.length > 0) return this.#unseal(body);
    const result = this.#readAll(body);
    // Versions of sealing are also types of probes.
    return result.kind === "refused" && result.refusal === "malformed" && seemsSealed(body)
      ? refused("key")
      : result;
  }

  #unseal(body: Uint8Array): Unwrapped {
    const plain = open(body, this.label, this.keyring, this.cipher);
    if (plain !== undefined) return this.#readAll(plain);
    return refused(seemsSealed(body) && this.#readAll(body).kind === "refused" ? "key" : "plain");
  }

  #readAll(bytes: Uint8Array): Unwrapped {
    this.#messages = [];
    this.#malformed = 0;
    this.#inflatedBytes = 0;
    this.#firstRefusal = undefined;
    this.#refusalOfAll = undefined;
    let start = 0;
    if (bytes[0] === messageTypes.crc && bytes.length >= crcOverhead) {
      if (crcAt(bytes, 1) !== crc32(bytes, crcOverhead)) return refused("crc");
      start = crcOverhead;
    }
    this.#read(bytes, start, bytes.length, 0);
    const messages = this.#messages;
    this.#messages = [];
    const refusal = this.#refusalOfAll ?? (messages.length === 0 ? this.#firstRefusal : undefined);
    return refusal === undefined
      ? { kind: "messages", messages, malformed: this.#malformed }
      : refused(refusal);
  }

  /** Reads what is between two offsets, below `depth` layers. */
  #read(bytes: Uint8Array, start: number, end: number, depth: number): void {
    if (this.#refusalOfAll !== undefined) return;
    const type = start < end ? bytes[start] : undefined;
    if (type === undefined) this.#refuse("malformed", 1);
    else if (type === messageTypes.compound || type === messageTypes.compress) {
      if (depth === limits.gossipLayersMax) this.#refusalOfAll = "too-deep";
      else if (type === messageTypes.compound) this.#readCompound(bytes, start + 1, end, depth + 1);
      else this.#readCompressed(bytes, start + 1, end, depth + 1);
    } else if (this.#messages.length >= limits.gossipMessagesMax) this.#refusalOfAll = "too-large";
    else {
      this.#reader.input.over(bytes, start + 1, end);
      const message = decodeMessage(this.#reader, type);
      if (typeof message === "string") this.#refuse(message, 1);
      else this.#messages.push(message);
    }
  }

  #readCompound(bytes: Uint8Array, start: number, end: number, depth: number): void {
    const cutOff = visitParts(bytes, start, end, (from, to) => this.#read(bytes, from, to, depth));
    if (cutOff !== 0) this.#refuse("malformed", cutOff ?? 1);
  }

  #readCompressed(bytes: Uint8Array, start: number, end: number, depth: number): void {
    this.#reader.input.over(bytes, start, end);
    const inflated = inflate(this.#reader, limits.gossipInflatedBytesMax - this.#inflatedBytes);
    if (inflated === "malformed") this.#refuse("malformed", 1);
    // A failure may have cost as much as the bound allows; there must not be one for each part.
    else if (typeof inflated === "string") this.#refusalOfAll = inflated;
    else {
      this.#inflatedBytes += inflated.length;
      this.#read(inflated, 0, inflated.length, depth);
    }
  }

  /** Counts messages that are not what they should be; others of the packet may be. */
  #refuse(refusal: Refusal, messages: number): void {
    this.#firstRefusal ??= refusal;
    this.#malformed += messages;
  }
}

/** The type byte, and the checksum. */
const crcOverhead = 5;

function withCrc(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(crcOverhead + body.length);
  const crc = crc32(body);
  bytes[0] = messageTypes.crc;
  bytes[1] = crc >>> 24;
  bytes[2] = crc >>> 16;
  bytes[3] = crc >>> 8;
  bytes[4] = crc;
  bytes.set(body, crcOverhead);
  return bytes;
}

function crcAt(bytes: Uint8Array, offset: number): number {
  let crc = 0;
  for (let index = 0; index < 4; index++) crc = crc * 256 + (bytes[offset + index] ?? 0);
  return crc;
}

function seemsSealed(bytes: Uint8Array): boolean {
  return bytes.length >= sealOverhead && (bytes[0] === 0 || bytes[0] === 1);
}

function refused(refusal: Refusal): Unwrapped {
  return { kind: "refused", refusal };
}
