/**
 * The first bytes of a connection between nodes, whose form never changes: `proto/converge/peer/v1/peer.proto` describes it.
 *
 * @module
 */

import { assert } from "../../core/assert.ts";
import { ByteWriter } from "../../core/byte-writer.ts";
import { hex, unhex } from "../../core/hex.ts";
import { limits } from "../../core/limits.ts";
import type { VersionRange } from "../../core/peer-protocol.ts";
import { decodeUtf8, encodeUtf8 } from "../../core/utf8.ts";

/** What a connection begins with; no stream of memberlist begins with the first byte. */
export const peerMagic: Uint8Array = Uint8Array.of(0xc1, 0x43, 0x4c, 0x50);

/** What one side says about itself before anything is sealed. */
export interface Hello {
  readonly versions: VersionRange;
  readonly nodeId: string;
  /** Whom it wants to speak with. */
  readonly to: string;
  /** 32 bytes that were never used before. */
  readonly random: Uint8Array;
  /** As `gossipKeyId` names it; undefined without keys. */
  readonly keyId: string | undefined;
  readonly label: string;
}

export const refusalReasons = ["versions", "label", "node", "key", "busy"] as const;
export type RefusalReason = (typeof refusalReasons)[number];

/** The acceptor will not speak with the dialer. */
export interface Refusal {
  readonly why: RefusalReason;
  readonly versions: VersionRange;
}

export type Opening =
  /** Not all of it is there. */
  | { readonly kind: "part" }
  /** It is none. */
  | { readonly kind: "garbage" }
  | { readonly kind: "hello"; readonly hello: Hello; readonly length: number }
  | { readonly kind: "refusal"; readonly refusal: Refusal; readonly length: number };

const headBytes = 7;
const helloKind = 1;
const refusalKind = 2;
const fixedBytes = 4 + 16 + 16 + 32 + 1 + 1;

export function encodeHello(hello: Hello): Uint8Array {
  const label = encodeUtf8(hello.label);
  const keyId = hello.keyId === undefined ? new Uint8Array(0) : bytesOf(hello.keyId, 8);
  assert(hello.random.length === 32, "the random of a hello is 32 bytes");
  const writer = new ByteWriter(headBytes + fixedBytes + keyId.length + label.length);
  writer.raw(peerMagic).u8(helloKind);
  u16(writer, fixedBytes + keyId.length + label.length);
  u16(writer, hello.versions.min);
  u16(writer, hello.versions.max);
  writer.raw(bytesOf(hello.nodeId, 16)).raw(bytesOf(hello.to, 16)).raw(hello.random);
  return writer.u8(keyId.length).raw(keyId).u8(label.length).raw(label).copy();
}

export function encodeRefusal({ why, versions }: Refusal): Uint8Array {
  const writer = new ByteWriter(headBytes + 5).raw(peerMagic).u8(refusalKind);
  u16(writer, 5);
  writer.u8(refusalReasons.indexOf(why) + 1);
  u16(writer, versions.min);
  u16(writer, versions.max);
  return writer.copy();
}

/** Reads what a connection begins with. Says that it is garbage as soon as that is sure. */
export function readOpening(bytes: Uint8Array): Opening {
  for (let at = 0; at < Math.min(bytes.length, peerMagic.length); at += 1)
    if (bytes[at] !== peerMagic[at]) return { kind: "garbage" };
  const kind = bytes[4];
  if (kind !== undefined && kind !== helloKind && kind !== refusalKind) return { kind: "garbage" };
  if (bytes.length < headBytes) return { kind: "part" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const restBytes = view.getUint16(5);
  if (restBytes > limits.peerHelloBytesMax) return { kind: "garbage" };
  const length = headBytes + restBytes;
  if (bytes.length < length) return { kind: "part" };
  const rest = new DataView(bytes.buffer, bytes.byteOffset + headBytes, restBytes);
  return kind === helloKind ? readHello(rest, length) : readRefusal(rest, length);
}

function readHello(view: DataView, length: number): Opening {
  const part = (at: number, bytes: number): Uint8Array =>
    new Uint8Array(view.buffer, view.byteOffset + at, bytes);
  if (view.byteLength < fixedBytes) return { kind: "garbage" };
  const keyBytes = view.getUint8(68);
  if ((keyBytes !== 0 && keyBytes !== 8) || view.byteLength < fixedBytes + keyBytes)
    return { kind: "garbage" };
  const labelBytes = view.getUint8(69 + keyBytes);
  if (view.byteLength < fixedBytes + keyBytes + labelBytes) return { kind: "garbage" };
  const label = textOf(part(fixedBytes + keyBytes, labelBytes));
  const versions = { min: view.getUint16(0), max: view.getUint16(2) };
  if (label === undefined || versions.min > versions.max) return { kind: "garbage" };
  const hello: Hello = {
    versions,
    nodeId: hex(part(4, 16)),
    to: hex(part(20, 16)),
    random: part(36, 32),
    keyId: keyBytes === 0 ? undefined : hex(part(69, keyBytes)),
    label,
  };
  return { kind: "hello", hello, length };
}

function readRefusal(view: DataView, length: number): Opening {
  if (view.byteLength < 5) return { kind: "garbage" };
  const why = refusalReasons[view.getUint8(0) - 1];
  if (why === undefined) return { kind: "garbage" };
  const versions = { min: view.getUint16(1), max: view.getUint16(3) };
  return { kind: "refusal", refusal: { why, versions }, length };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decodeUtf8(bytes);
  } catch {
    return undefined;
  }
}

function bytesOf(id: string, length: number): Uint8Array {
  const bytes = unhex(id);
  assert(bytes?.length === length, `an id is ${length} bytes in hexadecimal digits`);
  return bytes;
}

function u16(writer: ByteWriter, value: number): void {
  assert(value >= 0 && value <= 0xffff, "it fits 16 bits");
  writer.u8(value >> 8).u8(value & 0xff);
}
