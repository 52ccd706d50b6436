import { LedgerError } from "../../core/errors.ts";
import type { PeerCallKind, PeerCalls } from "../../sync/peer-messages.ts";
import type { PeerStreamKind } from "./peers.ts";
import { answerReaders, answerWriters } from "./answer-codec.ts";
import { requestReaders, requestWriters } from "./request-codec.ts";
import { WireReader } from "./wire-reader.ts";

/** Numbers of calls, as the proto's CallKind. */
export const callNumbers: Readonly<Record<PeerCallKind, number>> = {
  replicate: 1,
  prepare: 2,
  adopt: 3,
  nodes: 4,
  rows: 5,
  holding: 6,
  digest: 7,
  bucket: 8,
  offer: 9,
  holders: 10,
  nudge: 11,
  forward: 12,
  forks: 13,
  announce: 14,
  broadcast: 15,
  group: 16,
  watchers: 17,
};

/** Numbers of streams, as the proto's StreamKind. */
export const streamNumbers: Readonly<Record<PeerStreamKind, number>> = { watch: 1, snapshot: 2, group: 3 };

const calls = new Map(Object.entries(callNumbers).map(([kind, number]) => [number, kind as PeerCallKind]));
const streams = new Map(
  Object.entries(streamNumbers).map(([kind, number]) => [number, kind as PeerStreamKind]),
);

/** Returns the kind of call that another node names by a number; undefined if there is none. */
export function callOf(number: number): PeerCallKind | undefined {
  return calls.get(number);
}

export function streamOf(number: number): PeerStreamKind | undefined {
  return streams.get(number);
}

/** Returns a request as it travels. */
export function writeRequest<Kind extends PeerCallKind>(
  kind: Kind,
  request: PeerCalls[Kind]["request"],
): Uint8Array {
  return requestWriters[kind](request).finish();
}

/** Reads a request; its arrays are views of `bytes`. Throws LedgerError INVALID_ARGUMENT naming the field at fault. */
export function readRequest<Kind extends PeerCallKind>(
  kind: Kind,
  bytes: Uint8Array,
): PeerCalls[Kind]["request"] {
  return requestReaders[kind](new WireReader(bytes));
}

/** Returns an answer as it travels. */
export function writeAnswer<Kind extends PeerCallKind>(
  kind: Kind,
  answer: PeerCalls[Kind]["answer"],
): Uint8Array {
  return answerWriters[kind](answer).finish();
}

/** Reads an answer; its arrays are views of `bytes`. Throws LedgerError INTERNAL PEER_ANSWER_INVALID naming the field at fault. */
export function readAnswer<Kind extends PeerCallKind>(
  kind: Kind,
  bytes: Uint8Array,
): PeerCalls[Kind]["answer"] {
  try {
    return answerReaders[kind](new WireReader(bytes));
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const text = `another node answered ${kind} with something that is no answer: ${error.message}`;
    throw new LedgerError(
      "INTERNAL",
      text,
      { ...error.facts, reason: "PEER_ANSWER_INVALID" },
      { cause: error },
    );
  }
}
