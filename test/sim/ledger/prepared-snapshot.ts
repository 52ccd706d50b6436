import { encodeUtf8 } from "../../../src/core/utf8.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import { Ledger } from "../../../src/ledger/ledger.ts";
import { inflate } from "../../../src/node/inflate.ts";
import { createZstd } from "../../../src/node/zstd.ts";
import { createMemoryStore } from "../../../src/store/memory-store.ts";
import { FakeSigner } from "../../support/fake-signer.ts";
import { SeededRandom } from "../harness/seeded-random.ts";

/** Entries of the snapshot that clients load. */
export const snapshotEntries = 6;

let snapshot: Promise<Uint8Array> | undefined;

/** Returns a snapshot of a few entries, the same every time. */
export function theSnapshot(): Promise<Uint8Array> {
  snapshot ??= make();
  return snapshot;
}

export async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 200) yield bytes.subarray(at, at + 200);
}

async function make(): Promise<Uint8Array> {
  let nowMs = 0;
  const ledger = new Ledger({
    ...{
      store: createMemoryStore(new Uint8Array(16)),
      random: new SeededRandom(1),
      hasher: await loadHasher(),
    },
    clock: {
      nowNs: () => 1_700_000_000_000_000_000n + BigInt(nowMs++) * 1_000_000n,
      monotonicMs: () => nowMs,
      after: () => () => {},
      yield: () => Promise.resolve(),
    },
    ...{ zstd: createZstd(), inflate, scrubRate: 0, signer: new FakeSigner() },
    observer: { commit() {}, found() {}, healed() {}, scrubFailed() {} },
  });
  for (let entry = 0; entry < snapshotEntries; entry++) {
    const payload = encodeUtf8(`loaded ${entry}`);
    const input = { key: "k", metadata: [], receivedLamport: 0n, idempotencyKey: "", payload };
    await ledger.append("snapshot", input, { minCopies: 0 });
  }
  const chunks: Uint8Array[] = [];
  for await (const part of ledger.snapshot("snapshot")) if (part.kind === "chunk") chunks.push(part.bytes);
  return Buffer.concat(chunks);
}
