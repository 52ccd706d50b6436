/**
 * What nodes say to each other about gossip keys, as user messages over sealed streams: JSON behind four bytes that no
 * other application begins with.
 *
 * @module
 */

import { base64, unbase64 } from "../../core/base64.ts";
import { decodeUtf8, encodeUtf8 } from "../../core/utf8.ts";

/** What is to be done with the keys. Keys that are known are named by their ids. */
export type KeyRequest =
  | { readonly operation: "list" }
  | { readonly operation: "add"; readonly key: Uint8Array }
  | { readonly operation: "use" | "remove"; readonly id: string };

/** The keys of one node, by id, after a request. */
export interface KeyState {
  readonly ids: readonly string[];
  /** The one that seals. */
  readonly primary: string;
}

export type KeyMessage =
  | { readonly kind: "request"; readonly round: string; readonly from: string; readonly request: KeyRequest }
  | {
      readonly kind: "answer";
      readonly round: string;
      readonly from: string;
      readonly state: KeyState;
      /** Why nothing was done. */
      readonly error: string | undefined;
    };

const magic = [0xc1, 0x63, 0x6c, 0x6b];
const messageBytesMax = 16 * 1024;

/** Tells if a user message is about keys. */
export function isKeyMessage(bytes: Uint8Array): boolean {
  return magic.every((byte, index) => bytes[index] === byte);
}

export function encodeKeyMessage(message: KeyMessage): Uint8Array {
  const text = JSON.stringify(message, (_, value: unknown) =>
    value instanceof Uint8Array ? base64(value) : value,
  );
  return new Uint8Array([...magic, ...encodeUtf8(text)]);
}

/** Returns the message; undefined if `bytes` are none. */
export function decodeKeyMessage(bytes: Uint8Array): KeyMessage | undefined {
  if (!isKeyMessage(bytes) || bytes.length > messageBytesMax) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(decodeUtf8(bytes.subarray(magic.length)));
  } catch {
    return undefined;
  }
  const { kind, round, from, request, state, error } = fieldsOf(value);
  if (typeof round !== "string" || typeof from !== "string") return undefined;
  if (kind === "request") {
    const asked = readRequest(request);
    return asked && { kind, round, from, request: asked };
  }
  const keys = readState(state);
  if (kind !== "answer" || keys === undefined) return undefined;
  return { kind, round, from, state: keys, error: typeof error === "string" ? error : undefined };
}

function readRequest(value: unknown): KeyRequest | undefined {
  const { operation, key, id } = fieldsOf(value);
  if (operation === "list") return { operation };
  if (operation === "add" && typeof key === "string") {
    const bytes = unbase64(key);
    return bytes && { operation, key: bytes };
  }
  if ((operation === "use" || operation === "remove") && typeof id === "string") return { operation, id };
  return undefined;
}

function readState(value: unknown): KeyState | undefined {
  const { ids, primary } = fieldsOf(value);
  if (typeof primary !== "string" || !Array.isArray(ids)) return undefined;
  return { ids: ids.filter((id) => typeof id === "string"), primary };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
