/**
 * A watch that outlives its connections: when one breaks, the next continues after the last entry
 * that was delivered, so the caller sees every entry once and in order.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { encodeResumeToken } from "../core/cursor.ts";
import type { Entry, WatchEvent, WatchRequestSchema } from "../gen/converge/context/v1/context_pb.ts";
import { hashBytes } from "../core/hasher.ts";
import { type Failure, readFailure } from "./failure.ts";
import { livelyStream } from "./lively-stream.ts";
import { VerificationError } from "./verification-error.ts";
import { type RetryPolicy, waitBefore } from "./retry.ts";

export interface WatchOptions {
  /** Only entries with this key. */
  readonly key?: string;
  /** Exclusive: the last sequence the caller has. 0, the default, is the beginning; "now" only new entries. */
  readonly after?: bigint | "now";
  /** A cursor from an earlier answer or entry; takes the place of `after`. */
  readonly resumeToken?: Uint8Array;
  /** How often a quiet server shows that it is there. After three times as long the connection is given up. */
  readonly heartbeatMs?: number;
  /** Ends the watch, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Asks for proofs, and looks at every event before anything of it is delivered. */
  readonly verifier?: WatchVerifier;
}

/** Decides whether what a watch brings can be true. What it throws ends the watch. */
export interface WatchVerifier {
  /** A connection is about to be opened. */
  connecting(): void;
  event(event: WatchEvent): Promise<void>;
}

/** What a watch delivers. */
export type WatchItem =
  | { readonly kind: "entry"; readonly entry: Entry }
  /** Everything that existed when the watch began was delivered. Once in a watch. */
  | { readonly kind: "caught-up"; readonly latestSequence: bigint }
  /** Entries are not available any more; `nextSequence` is the first that follows. */
  | { readonly kind: "gap"; readonly nextSequence: bigint }
  /** The history was replaced; what follows comes after `sequence`, the last entry both have. */
  | { readonly kind: "reset"; readonly sequence: bigint };

type WatchRequestInit = MessageInitShape<typeof WatchRequestSchema>;

/** Opens one connection. */
export type OpenWatch = (request: WatchRequestInit, signal: AbortSignal) => AsyncIterable<WatchEvent>;

const onlyNew = 2n ** 64n - 1n;

/** Yields entries and control events until the signal is aborted or the server refuses. */
export async function* watch(
  open: OpenWatch,
  contextId: string,
  options: WatchOptions,
  policy: RetryPolicy,
): AsyncGenerator<WatchItem, never> {
  const { signal, key = "", heartbeatMs = 15_000, verifier } = options;
  let cursor: Cursor = {
    sequence: options.after === "now" ? onlyNew : (options.after ?? 0n),
    token: options.resumeToken,
  };
  let caughtUp = false;
  let connected = false;
  let attempt = 0;
  while (true) {
    const proofs = verifier !== undefined;
    const request = { contextId, key, heartbeatMs, controlEvents: true, proofs, ...cursorFields(cursor) };
    let failure: Failure;
    verifier?.connecting();
    try {
      const connection = livelyStream((both) => open(request, both), 3 * heartbeatMs, signal);
      for await (const event of connection) {
        connected = true;
        attempt = 0;
        await verifier?.event(event);
        cursor = advance(cursor, event, key !== "");
        const item = itemOf(event);
        if (item === undefined || (item.kind === "caught-up" && caughtUp)) continue;
        caughtUp ||= item.kind === "caught-up";
        yield item;
      }
      failure = readFailure(new ConnectError("the server ended the watch", Code.Unavailable));
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof VerificationError) throw error;
      failure = readFailure(error);
      if (!failure.transient || (!connected && attempt + 1 >= policy.attemptsMax)) throw error;
    }
    attempt += 1;
    await waitBefore(policy, signal, failure, attempt);
  }
}

/** Where the next connection continues: after the entry of `token` if there is one, else after `sequence`. */
interface Cursor {
  readonly sequence: bigint;
  readonly token: Uint8Array | undefined;
}

function cursorFields({ sequence, token }: Cursor): WatchRequestInit {
  return token === undefined ? { fromSequence: sequence } : { resumeToken: token };
}

function advance(cursor: Cursor, event: WatchEvent, filtered: boolean): Cursor {
  if (event.entry !== undefined) {
    checkOrder(cursor, event.entry, filtered);
    return {
      sequence: event.entry.sequence,
      token: encodeResumeToken(Number(event.entry.sequence), event.entry.contentHash),
    };
  }
  switch (event.control.case) {
    case "caughtUp":
      // Without an entry yet, this is what "now" meant: the next connection must not begin later.
      return cursor.token === undefined
        ? { sequence: event.control.value.latestSequence, token: undefined }
        : cursor;
    case "gap":
      return { sequence: event.control.value.nextSequence - 1n, token: undefined };
    case "reset":
      return { sequence: event.control.value.sequence, token: undefined };
    case "skipped": {
      const { through, contentHashes } = event.control.value;
      return {
        sequence: through,
        token: encodeResumeToken(Number(through), contentHashes.subarray(-hashBytes)),
      };
    }
    case "heartbeat":
    case "frontier":
    case undefined:
      return cursor;
  }
}

/** Throws OUT_OF_RANGE if entries were left out or repeated, whoever on the way did it. */
function checkOrder(cursor: Cursor, entry: Entry, filtered: boolean): void {
  if (cursor.sequence === onlyNew || (cursor.sequence === 0n && cursor.token !== undefined)) return;
  const expected = cursor.sequence + 1n;
  if (entry.sequence === expected || (filtered && entry.sequence > expected)) return;
  throw new ConnectError(`expected entry ${expected}, but ${entry.sequence} arrived`, Code.OutOfRange);
}

function itemOf(event: WatchEvent): WatchItem | undefined {
  if (event.entry !== undefined) return { kind: "entry", entry: event.entry };
  switch (event.control.case) {
    case "caughtUp":
      return { kind: "caught-up", latestSequence: event.control.value.latestSequence };
    case "gap":
      return { kind: "gap", nextSequence: event.control.value.nextSequence };
    case "reset":
      return { kind: "reset", sequence: event.control.value.sequence };
    case "heartbeat":
    case "frontier":
    case "skipped":
    case undefined:
      return undefined;
  }
}
