import { describe, expect, test } from "bun:test";
import { LedgerError } from "../../../src/core/errors.ts";
import { checkCheckpointPair, type CheckedPair } from "../../../src/core/tlog/checkpoint-pair.ts";
import { verifyEd25519 } from "../../../src/node/ed25519.ts";
import { referenceHasher as hasher } from "../../hash/reference-hasher.ts";
import {
  growthOf,
  sampleCheckpoint,
  sampleKey,
  sampleOrigin,
  sampleRecord,
  signNote,
  verifierKeyOf,
} from "./sample-log.ts";

const key = sampleKey(1);
const keys = [verifierKeyOf(key, sampleOrigin)];
const records = Array.from({ length: 9 }, (_, i) => sampleRecord(i + 1));
const otherRecords = records.with(0, sampleRecord(100));

function signed(size: number, of = records): string {
  return sampleCheckpoint(of.slice(0, size), [key]);
}

describe("checkCheckpointPair()", () => {
  test("sees growth between all sizes to 9, in either order", () => {
    for (let second = 1; second <= records.length; second += 1) {
      for (let first = 0; first < second; first += 1) {
        const hashes = first === 0 ? [] : growthOf(records.slice(0, second), first);
        for (const checkpoints of [
          [signed(first), signed(second)],
          [signed(second), signed(first)],
        ] as const) {
          const checked = checkCheckpointPair({ checkpoints, hashes, keys, hasher });
          expect(checked).toMatchObject({ kind: "grown", first: { size: first }, second: { size: second } });
        }
      }
    }
  });

  test("returns the signatures of both", () => {
    const pair = {
      checkpoints: [signed(3), signed(5)] as const,
      hashes: growthOf(records.slice(0, 5), 3),
      keys,
      hasher,
    };
    const checked = checkCheckpointPair(pair) as CheckedPair;
    expect(checked.signatures.map(verify)).toEqual([true, true]);
    const [first] = checked.signatures;
    const last = checked.signatures[1];
    expect(first?.message).not.toEqual(last?.message);
  });

  test("sees that two checkpoints are of one state", () => {
    const checked = checkCheckpointPair({ checkpoints: [signed(4), signed(4)], hashes: [], keys, hasher });
    expect(checked).toMatchObject({ kind: "same", message: "both checkpoints are of size 4" });
  });

  test("cries out at a fork", () => {
    const checkpoints = [signed(4), signed(4, otherRecords)] as const;
    const checked = checkCheckpointPair({ checkpoints, hashes: [], keys, hasher });
    expect(checked).toMatchObject({ kind: "fork", signatures: { length: 2 } });
    expect(checked.message).toMatch(
      /^FORK: .* signed two histories of 4 entries, with the roots \w{64} and \w{64}$/,
    );
  });

  test("refuses a log that was rewritten, whatever the proof", () => {
    const checkpoints = [signed(3), signed(7, otherRecords)] as const;
    for (const proved of [records, otherRecords]) {
      const hashes = growthOf(proved.slice(0, 7), 3);
      expect(checkCheckpointPair({ checkpoints, hashes, keys, hasher })).toMatchObject({ part: "proof" });
    }
  });

  test("refuses a proof with any bit flipped, a hash missing or one too many", () => {
    const checkpoints = [signed(3), signed(7)] as const;
    const hashes = growthOf(records.slice(0, 7), 3);
    const wrong = [hashes.slice(1), hashes.slice(0, -1), [...hashes, new Uint8Array(32)], []];
    for (let i = 0; i < hashes.length; i += 1) {
      for (let bit = 0; bit < 256; bit += 1) {
        const flipped = hashes[i]?.slice() ?? new Uint8Array(0);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        wrong.push(hashes.with(i, flipped));
      }
    }
    const kinds = wrong.map((hashes) => checkCheckpointPair({ checkpoints, hashes, keys, hasher }).kind);
    expect(new Set(kinds)).toEqual(new Set(["mismatch"]));
  });

  test("refuses two logs", () => {
    const other = sampleCheckpoint(records, [key], "ledger.example/n1/b");
    const checked = checkCheckpointPair({ checkpoints: [signed(3), other], hashes: [], keys, hasher });
    expect(checked).toMatchObject({
      kind: "mismatch",
      part: "origin",
      message: `one checkpoint is of ${sampleOrigin}, the other of ledger.example/n1/b`,
    });
  });

  test("refuses a checkpoint that no given key signed", () => {
    const unsigned = sampleCheckpoint(records, [sampleKey(2)]);
    const hashes = growthOf(records, 3);
    const checked = checkCheckpointPair({ checkpoints: [signed(3), unsigned], hashes, keys, hasher });
    expect(checked).toMatchObject({ kind: "mismatch", part: "key" });
  });

  test("refuses what is no checkpoint", () => {
    const checkpoints = [signed(3), signNote("text\n", sampleOrigin, [key])] as const;
    expect(() => checkCheckpointPair({ checkpoints, hashes: [], keys, hasher })).toThrow(LedgerError);
  });
});

function verify(signature: { publicKey: Uint8Array; message: Uint8Array; signature: Uint8Array }): boolean {
  return verifyEd25519(signature.publicKey, signature.message, signature.signature);
}
