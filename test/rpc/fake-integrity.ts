import { LedgerError } from "../../src/core/errors.ts";
import type { Inclusion, Integrity, SignedCheckpoint } from "../../src/ledger/integrity.ts";

export const note = "test/n1/c\n7\nAAAA\n\n\u2014 test/n1/c AAAA\n";
/** Every tile of the fake log but one. */
export const tileBytes = new Uint8Array(64).fill(9);

/** Returns a hash that can be told from others. */
export function hash(byte: number): Uint8Array {
  return new Uint8Array(32).fill(byte);
}

/** Answers everything from a log of 7 entries, and keeps what it was asked. */
export function fakeIntegrity(): Integrity & { readonly asked: unknown[][] } {
  const asked: unknown[][] = [];
  const keep = (...call: unknown[]): void => void asked.push(call);
  const sizeOf = (size: bigint | undefined): number => (size === undefined ? 7 : Number(size));
  const inclusion = (sequence: bigint, size: number): Inclusion => ({
    index: Number(sequence) - 1,
    size,
    root: hash(size),
    leaf: hash(50),
    hashes: [hash(100), hash(101)],
  });
  const checkpoint: SignedCheckpoint = { size: 7, root: hash(7), origin: "test/n1/c", note };
  const record = new Uint8Array([1, 2, 3]);
  return {
    asked,
    async treeHead(...call) {
      keep("treeHead", ...call);
      return { size: 7, root: hash(7) };
    },
    async inclusion(contextId, sequence, size, profile) {
      keep("inclusion", contextId, sequence, size, profile);
      return inclusion(sequence, sizeOf(size));
    },
    async evidence(contextId, sequence) {
      keep("evidence", contextId, sequence);
      return { inclusion: inclusion(sequence, 7), record, checkpoint };
    },
    async consistency(log, firstSize, secondSize) {
      keep("consistency", log, firstSize, secondSize);
      const [first, second] = [Number(firstSize), sizeOf(secondSize)];
      return {
        first: { size: first, root: hash(first) },
        second: { size: second, root: hash(second) },
        hashes: [hash(102)],
      };
    },
    async checkpoint(log) {
      keep("checkpoint", log);
      return checkpoint;
    },
    async contextEvidence(contextId) {
      keep("contextEvidence", contextId);
      const head = { size: 4, root: hash(4) };
      return { generation: 1, head, inclusion: inclusion(3n, 7), record, checkpoint };
    },
    async *verify(log) {
      keep("verify", log);
      yield { kind: "progress", verified: 3, total: 7 };
      yield { kind: "damage", sequence: 3, detail: "hash" };
      yield { kind: "damage", sequence: 0, detail: "tree" };
      yield { kind: "result", head: { size: 7, root: hash(7) }, damaged: 2 };
    },
    async verifierKeys(log) {
      keep("verifierKeys", log);
      return { origin: "test/n1/c", keys: ["new+00+x", "old+00+x"] };
    },
    async tile(log, { level, index, width }) {
      keep("tile", log, level, index, width);
      if (index > 0) throw new LedgerError("NOT_FOUND", "beyond", { reason: "TEST" });
      return { bytes: tileBytes, isFull: width === 256 };
    },
    async entryBundle(log, { index, width }) {
      keep("entryBundle", log, index, width);
      return { bytes: new Uint8Array(0), isFull: width === 256 };
    },
  };
}
