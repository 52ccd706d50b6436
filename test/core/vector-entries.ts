import { type Entry, sortMetadata } from "../../src/core/entry.ts";
import entryVectors from "../vectors/entry-v1.json";

/** The entries of the worked example as the core has them. */
export const vectorEntries: { contextId: string; entry: Entry }[] = entryVectors.entries.map(({ entry }) => ({
  contextId: entry.context_id,
  entry: {
    id: entry.id,
    key: entry.key,
    payload: new Uint8Array(Buffer.from(entry.payload, "base64")),
    sequence: Number(entry.sequence),
    appendedAtNs: BigInt(entry.appended_at_ns),
    metadata: sortMetadata(Object.entries(entry.metadata).map(([name, value]) => [name, String(value)])),
    lamport: BigInt(entry.lamport),
  },
}));
