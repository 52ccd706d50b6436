import { toBinary } from "@bufbuild/protobuf";
import { WatchEventSchema } from "../../gen/converge/context/v1/context_pb.ts";
import type { WatchRequest } from "../../ledger/ledger-api.ts";
import { watchCursor } from "../../ledger/watch-cursor.ts";
import { type ControlKind, controlEvent } from "../control-event.ts";
import { framed } from "./plain-answers.ts";
import type { PlainWatch } from "./plain-requests.ts";

/** Returns what the ledger is asked for by a plain watch. Throws LedgerError. */
export function plainWatchRequest(plain: PlainWatch): WatchRequest {
  const { contextId, key, heartbeatMs } = plain;
  const from = watchCursor(plain.fromSequence, plain.resumeToken);
  return { contextId, key, from, heartbeatMs, resets: takesControlEvents(plain), proofs: false };
}

/** Returns whether the client of a watch can read events without an entry. */
export function takesControlEvents({
  controlEvents,
  heartbeatMs,
}: Pick<PlainWatch, "controlEvents" | "heartbeatMs">): boolean {
  return controlEvents || heartbeatMs > 0;
}

/** Returns a framed control event. */
export function controlFrame(kind: ControlKind, sequence: number): Uint8Array {
  return framed(toBinary(WatchEventSchema, controlEvent(kind, sequence)));
}
