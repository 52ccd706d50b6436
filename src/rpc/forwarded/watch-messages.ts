/**
 * A watch between nodes: what opens it, and the messages it brings. Entries travel as they are stored; what the protocols
 * make of them is made on the node that the client is connected to.
 *
 * @module
 */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Cursor } from "../../core/cursor.ts";
import type { Frontier } from "../../core/merkle/frontier.ts";
import { WatchMessageSchema, WatchOpenSchema } from "../../gen/converge/peer/v1/forward_pb.ts";
import type { WatchRequest } from "../../ledger/ledger-api.ts";
import type { StoredEntry } from "../../ledger/ports.ts";
import { entryBytes } from "../messages.ts";
import { storedEntry } from "./stored-bytes.ts";

/** One message. */
export type WatchNews =
  | { readonly kind: "begun" }
  | { readonly kind: "entries"; readonly entries: readonly StoredEntry[] }
  | { readonly kind: "heartbeat" | "caughtUp" | "reset"; readonly sequence: number }
  | { readonly kind: "edge"; readonly frontier: Frontier };

export function encodeWatchOpen(request: WatchRequest): Uint8Array {
  const { contextId, key, from, heartbeatMs, resets, proofs: frontier } = request;
  const latest = from.sequence === "latest";
  const message = create(WatchOpenSchema, {
    ...{ contextId, key, latest, sequence: sequenceOf(from), heartbeatMs, resets, frontier },
    hashPrefix: from.hashPrefix ?? new Uint8Array(),
  });
  return toBinary(WatchOpenSchema, message);
}

/** Throws if it is no message. */
export function decodeWatchOpen(body: Uint8Array): WatchRequest {
  const message = fromBinary(WatchOpenSchema, body);
  const { contextId, key, latest, sequence, hashPrefix, heartbeatMs, resets, frontier: proofs } = message;
  const from: Cursor = latest
    ? { sequence: "latest" }
    : {
        ...(sequence > BigInt(Number.MAX_SAFE_INTEGER)
          ? { sequence: Number.POSITIVE_INFINITY, beyond: sequence }
          : { sequence: Number(sequence) }),
        ...(hashPrefix.length === 0 ? {} : { hashPrefix }),
      };
  return { contextId, key, from, heartbeatMs, resets, proofs };
}

export function encodeWatchNews(news: WatchNews): Uint8Array {
  return toBinary(WatchMessageSchema, create(WatchMessageSchema, { news: newsField(news) }));
}

/** Throws if it is no message. */
export function decodeWatchNews(bytes: Uint8Array): WatchNews {
  const { news } = fromBinary(WatchMessageSchema, bytes);
  switch (news.case) {
    case "entries":
      return {
        kind: "entries",
        entries: news.value.entries.map((entry) => storedEntry(entry).stored),
      };
    case "heartbeat":
    case "caughtUp":
    case "reset":
      return { kind: news.case, sequence: Number(news.value) };
    case "edge":
      return {
        kind: "edge",
        frontier: { size: Number(news.value.size), subtrees: news.value.subtrees },
      };
    case "begun":
    case undefined:
      return { kind: "begun" };
  }
}

type NewsField = ReturnType<typeof fromBinary<typeof WatchMessageSchema>>["news"];

function newsField(news: WatchNews): NewsField {
  switch (news.kind) {
    case "begun":
      return { case: "begun", value: { $typeName: "converge.peer.v1.Begun" } };
    case "entries": {
      const entries = news.entries.map(entryBytes);
      return { case: "entries", value: { $typeName: "converge.peer.v1.Entries", entries } };
    }
    case "heartbeat":
    case "caughtUp":
    case "reset":
      return { case: news.kind, value: BigInt(news.sequence) };
    case "edge": {
      const { size, subtrees } = news.frontier;
      return { case: "edge", value: { $typeName: "converge.peer.v1.Edge", size: BigInt(size), subtrees } };
    }
  }
}

function sequenceOf({ sequence, beyond }: Cursor): bigint {
  if (sequence === "latest") return 0n;
  return beyond ?? BigInt(sequence);
}
