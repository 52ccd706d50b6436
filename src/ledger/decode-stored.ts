import { decodeEntry } from "../core/entry-wire.ts";
import type { Entry } from "../core/entry.ts";
import { entryDamaged } from "./data-loss.ts";
import type { StoredEntry } from "./ports.ts";

/** Reads the wire of a stored entry. Throws DATA_LOSS if it is none; that it is the one that was appended is not checked. */
export function decodeStored({ sequence, wire }: StoredEntry): Entry {
  try {
    return decodeEntry(wire);
  } catch (cause) {
    throw entryDamaged(sequence, { cause });
  }
}
