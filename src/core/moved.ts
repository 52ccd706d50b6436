import { type Entry, type Metadata, sortMetadata } from "./entry.ts";
import { hex } from "./hex.ts";

/** Names that begin like this are the ledger's own: clients cannot use them. */
export const reservedMetadataPrefix = "converge-ledger/";
/** What an entry was before it lost its place in a fork: its sequence, time, Lamport time and hash. */
export const movedMetadataName = `${reservedMetadataPrefix}moved`;

/**
 * Returns the metadata of an entry that is appended again because its place was lost. What it was when it was acknowledged
 * first is never overwritten.
 */
export function movedMetadata(entry: Entry, contentHash: Uint8Array): Metadata {
  if (entry.metadata.some(([name]) => name === movedMetadataName)) return entry.metadata;
  const { sequence, appendedAtNs, lamport } = entry;
  const was = `${sequence} ${appendedAtNs} ${lamport} ${hex(contentHash)}`;
  return sortMetadata([...entry.metadata, [movedMetadataName, was]]);
}

/** Returns the metadata that a client gave an entry. */
export function clientMetadata(metadata: Metadata): Metadata {
  const isReserved = metadata.some(([name]) => name.startsWith(reservedMetadataPrefix));
  return isReserved ? metadata.filter(([name]) => !name.startsWith(reservedMetadataPrefix)) : metadata;
}
