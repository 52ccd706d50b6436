import type { ProvenEvidence } from "../../client/evidence.ts";
import type { EntryRecord } from "../../core/entry.ts";
import { hex } from "../../core/hex.ts";
import type { HeadRecord } from "../../core/tlog/head-record.ts";
import { formatKeyId, type VerifierKey } from "../../core/tlog/verifier-key.ts";
import { escapeText } from "./escape.ts";
import { timeText } from "./time-text.ts";

/** Returns what evidence proves, a name and a value on each line. `payloadFile` is what its payload was compared with. */
export function provenText(proven: ProvenEvidence, payloadFile: string | undefined): string {
  const { subject, generation, checkpoint, signers, unknown } = proven;
  const lines: [string, string | number | bigint][] = [
    ["proven", subject.kind],
    ["context", subject.record.contextId],
    ...(generation === 1 ? [] : [["generation", generation] as [string, number]]),
    ...(subject.kind === "entry" ? entryLines(subject.record, payloadFile) : headLines(subject.record)),
    [subject.kind === "entry" ? "content hash" : "leaf hash", hex(proven.leaf)],
    ["tree size", checkpoint.size],
    ["root", hex(checkpoint.root)],
    ["origin", checkpoint.origin],
    ...signers.map((key): [string, string] => ["signer", signerName(key)]),
    ...unknown.map((name): [string, string] => [
      "not checked",
      `the signature of ${name}, whose key was not given`,
    ]),
  ];
  return lines.map(([name, value]) => `${name}\t${escapeText(String(value))}\n`).join("");
}

function entryLines(
  record: EntryRecord,
  payloadFile: string | undefined,
): [string, string | number | bigint][] {
  const { sequence, id, key, appendedAtNs, lamport, metadata, payloadBytes, payloadHash } = record;
  const compared = payloadFile === undefined ? "not compared" : `the same as ${payloadFile}`;
  return [
    ["sequence", sequence],
    ["id", id],
    ["key", key],
    ["time", timeText(appendedAtNs)],
    ["lamport", lamport],
    ...metadata.map(([name, value]): [string, string] => ["metadata", `${name}=${value}`]),
    ["payload", `${payloadBytes} bytes, ${compared}`],
    ["payload SHA-256", hex(payloadHash)],
  ];
}

function headLines({ size, root }: HeadRecord): [string, string | number][] {
  return [
    ["context size", size],
    ["context root", hex(root)],
  ];
}

/** Returns the name of a key as signatures have it. */
export function signerName({ name, keyId }: VerifierKey): string {
  return `${name}+${formatKeyId(keyId)}`;
}

/** Returns the same as one line of JSON. */
export function provenJson(proven: ProvenEvidence, payloadCompared: boolean): string {
  const { subject, generation, leaf, index, checkpoint, signers, unknown } = proven;
  const facts = {
    proven: subject.kind,
    contextId: subject.record.contextId,
    generation: String(generation),
    ...(subject.kind === "entry" ? entryFacts(subject.record, payloadCompared) : headFacts(subject.record)),
    leafHash: leaf.toBase64(),
    leafIndex: String(index),
    treeSize: String(checkpoint.size),
    root: checkpoint.root.toBase64(),
    origin: checkpoint.origin,
    signers: signers.map(signerName),
    notChecked: unknown,
  };
  return `${JSON.stringify(facts)}\n`;
}

function entryFacts(record: EntryRecord, payloadCompared: boolean): object {
  return {
    sequence: String(record.sequence),
    id: record.id,
    key: record.key,
    appendedAtNs: String(record.appendedAtNs),
    lamport: String(record.lamport),
    metadata: Object.fromEntries(record.metadata),
    payloadBytes: String(record.payloadBytes),
    payloadSha256: record.payloadHash.toBase64(),
    payloadCompared,
  };
}

function headFacts({ size, root }: HeadRecord): object {
  return { contextSize: String(size), contextRoot: root.toBase64() };
}
