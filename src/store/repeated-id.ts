import { decodeUtf8 } from "../core/utf8.ts";
import type { RepeatedId } from "../ledger/ports.ts";
import { compareBytes } from "./compare-bytes.ts";

/** Ids that one look takes: about 2 ms, in which the event loop does nothing else. */
export const idsLookedAtMax = 8192;

/** Returns what a look at `ids`, sorted and at most `idsLookedAtMax`, has found; fewer are the last of their log. */
export function repeatedAmong(ids: readonly Uint8Array[]): RepeatedId {
  let before: Uint8Array | undefined;
  for (const id of ids) {
    if (before !== undefined && compareBytes(before, id) === 0) return { kind: "found", id: decodeUtf8(id) };
    before = id;
  }
  if (before === undefined || ids.length < idsLookedAtMax) return { kind: "none" };
  return { kind: "more", after: decodeUtf8(before) };
}
