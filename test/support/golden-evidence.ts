import { formatEvidence } from "../../src/core/tlog/evidence.ts";
import vectors from "../vectors/entry-v1.json" with { type: "json" };

const { checkpoint, entries, rfc6962 } = vectors;

/** A signed checkpoint of three entries, and evidence of two of them, made by another implementation. */
export const golden = {
  contextId: "audit/2026 é",
  key: checkpoint.vkey,
  /** Of the second entry, as a whole. */
  evidence: checkpoint.tlog_proof_index_1,
  checkpoint: checkpoint.note,
  seed: Uint8Array.fromHex(checkpoint.ed25519_seed),
  origin: checkpoint.origin,
  root: rfc6962.roots[3] ?? "",
  entries,
};

/** Returns evidence of the entry with this index in the signed tree of three. */
export function goldenEvidence(index: number): string {
  const record = Uint8Array.fromHex(entries[index]?.record_hex ?? "");
  const hashes = (rfc6962.inclusion.paths[index] ?? []).map((hash) => Uint8Array.fromHex(hash));
  return formatEvidence({ record, index, hashes, checkpoint: checkpoint.note });
}
