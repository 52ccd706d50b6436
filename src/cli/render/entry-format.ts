import { toJsonString } from "@bufbuild/protobuf";
import { encodeUtf8 } from "../../core/utf8.ts";
import { type Entry, EntrySchema } from "../../gen/converge/context/v1/context_pb.ts";
import type { EntryFormat } from "../commands/entry-options.ts";
import { escapeText } from "./escape.ts";
import { payloadText } from "./payload-text.ts";
import { timeText } from "./time-text.ts";

/** Returns the bytes that stand for an entry on standard output. */
export function formatEntry(entry: Entry, format: EntryFormat): Uint8Array {
  switch (format) {
    case "text":
      return encodeUtf8(`${entryLine(entry)}\n`);
    case "json":
      return encodeUtf8(`${toJsonString(EntrySchema, entry)}\n`);
    case "raw":
      return entry.payload;
  }
}

/** Returns sequence, time, key, payload and, if there is any, metadata, separated by tabs. */
function entryLine(entry: Entry): string {
  const columns = [
    `${entry.sequence}`,
    timeText(entry.appendedAtNs),
    escapeText(entry.key),
    payloadText(entry.payload),
  ];
  const metadata = Object.entries(entry.metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (metadata.length > 0)
    columns.push(metadata.map(([name, value]) => escapeText(`${name}=${value}`)).join(" "));
  return columns.join("\t");
}
