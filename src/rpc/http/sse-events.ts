/**
 * What a watch over server-sent events says, in the words of docs/api.md.
 *
 * @module
 */

import { type JsonValue, toJson } from "@bufbuild/protobuf";
import { assert } from "../../core/assert.ts";
import { formatEventId } from "../../core/cursor.ts";
import { encodeUtf8 } from "../../core/utf8.ts";
import {
  EntrySchema,
  FrontierSchema,
  SkippedSchema,
  type WatchEvent,
  WatchEventSchema,
} from "../../gen/converge/context/v1/context_pb.ts";
import type { StoredEntry } from "../../ledger/ports.ts";
import type { ProofItem } from "../../ledger/watcher.ts";
import { entryMessage } from "../messages.ts";
import { proofEvent } from "../proof-event.ts";

export function entryEvents(entries: readonly StoredEntry[]): Uint8Array {
  const texts = entries.map((entry) => entryEvent(entry, toJson(EntrySchema, entryMessage(entry))));
  return encodeUtf8(texts.join(""));
}

export function proofEvents(items: readonly ProofItem[]): Uint8Array {
  const texts = items.map((item) => {
    const event = proofEvent(item);
    return item.kind === "entry"
      ? entryEvent(item.entry, toJson(WatchEventSchema, event))
      : unnumberedEvent(item.kind, controlJson(event));
  });
  return encodeUtf8(texts.join(""));
}

export function resetEvent(sequence: number): Uint8Array {
  return encodeUtf8(unnumberedEvent("reset", { sequence: String(sequence) }));
}

/** Only entries carry an id, so that clients resume after the last one. */
function entryEvent({ sequence, contentHash }: StoredEntry, data: JsonValue): string {
  return `id: ${formatEventId(sequence, contentHash)}\n${unnumberedEvent("entry", data)}`;
}

function unnumberedEvent(name: string, data: JsonValue): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

function controlJson({ control }: WatchEvent): JsonValue {
  if (control.case === "frontier") return toJson(FrontierSchema, control.value);
  assert(
    control.case === "skipped",
    "what is no entry is a frontier or stands for entries that were skipped",
  );
  return toJson(SkippedSchema, control.value);
}
