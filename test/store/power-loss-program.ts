/**
 * What the power-loss test records: sessions of commits to two contexts, with checkpoints between,
 * each commit marked once it is acknowledged. The roster has one member, told by how many entries there are, and so is the
 * replica of the first context. Every few commits take the newest entries of that context into an archive before they
 * write them anew, and others settle the archive. As a program: `<directory> <synchronous>`.
 */
import type { Archive, Truncation } from "../../src/ledger/ports.ts";
import { openMarker } from "../support/power-loss/recorder.ts";
import { openWriter } from "./open-writer.ts";
import { sampleReplica, sampleTruncation } from "./sample-replicas.ts";
import { sampleHead, sampleMember, sampleRows } from "./sample-rows.ts";

export const commitsPerSession = 25;
export const sessions = 3;
export const contextIds = ["a", "b"];

/** Returns how many entries each context has after commit `number`. */
export function latestAfter(number: number): number {
  let latest = 0;
  for (let commit = 1; commit <= number; commit += 1) latest += 1 + (commit % 7);
  return latest;
}

/** Returns the archives that there are after commit `number`: at most the newest two. */
export function archivesAfter(number: number): Archive[] {
  const numbers = Array.from({ length: number }, (_, index) => index + 1);
  const all = numbers.flatMap((each) => (number - each < settledAfter ? truncationsOf(each) : []));
  return all.map(({ from, to, archive: log, ...rest }) => {
    const first = (to?.latest ?? 0) + 1;
    return {
      contextId: rest.contextId,
      log,
      first,
      last: from.latest,
      accepted: rest.accepted,
      archivedAtNs: rest.archivedAtNs,
    };
  });
}

/** An archive is settled so many commits later. */
const settledAfter = 7;
const archiveOf = (number: number): number => 1000 + number;

/** Returns what commit `number` takes out of the first context, now and then all of it. */
function truncationsOf(number: number): Truncation[] {
  const before = latestAfter(number - 1);
  if (number % 5 !== 4) return [];
  const left = number % 10 === 4 ? 0 : before - 9;
  return [sampleTruncation(contextIds[0] ?? "", sampleHead(1, before), left, archiveOf(number))];
}

if (import.meta.main) run(process.argv[2] ?? "", process.argv[3] === "OFF" ? "OFF" : "FULL");

function run(directory: string, synchronous: "FULL" | "OFF"): void {
  const mark = openMarker();
  let number = 0;
  for (let session = 0; session < sessions; session += 1) {
    using open = openWriter(directory, synchronous);
    for (let i = 1; i <= commitsPerSession; i += 1) {
      number += 1;
      const [before, after] = [latestAfter(number - 1), latestAfter(number)];
      const logs = contextIds.map((_, index) => index + 1);
      const truncations = truncationsOf(number);
      const [cut] = truncations;
      const leftOf = (log: number): number =>
        log === 1 && cut !== undefined ? (cut.to?.latest ?? 0) : before;
      const outcome = open.commit({
        rows: logs.flatMap((log) => sampleRows(log, leftOf(log) + 1, after, { wireBytes: 300 })),
        heads: logs.map((log, index) => ({
          contextId: contextIds[index] ?? "",
          from: leftOf(log) === 0 ? undefined : sampleHead(log, leftOf(log)),
          to: sampleHead(log, after),
        })),
        truncations,
        settled: [archiveOf(number - settledAfter)],
        replicas: [sampleReplica(contextIds[0] ?? "", after)],
        roster: { put: [sampleMember(after)], remove: [sampleMember(before).nodeId] },
        gossipIncarnation: after,
      });
      if (outcome.kind !== "committed") throw new Error(outcome.kind);
      mark(number);
      if (i % 8 === 0) open.wal.checkpoint();
    }
  }
}
