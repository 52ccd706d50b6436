/**
 * What the power-loss test records: sessions of commits to two contexts, with checkpoints between,
 * each commit marked once it is acknowledged. The roster has one member, told by how many entries there are. As a program: `<directory> <synchronous>`.
 */
import { openMarker } from "../support/power-loss/recorder.ts";
import { openWriter } from "./open-writer.ts";
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
      const outcome = open.commit({
        rows: logs.flatMap((log) => sampleRows(log, before + 1, after, { wireBytes: 300 })),
        heads: logs.map((log, index) => ({
          contextId: contextIds[index] ?? "",
          from: before === 0 ? undefined : sampleHead(log, before),
          to: sampleHead(log, after),
        })),
        roster: { put: [sampleMember(after)], remove: [sampleMember(before).nodeId] },
        gossipIncarnation: after,
      });
      if (outcome.kind !== "committed") throw new Error(outcome.kind);
      mark(number);
      if (i % 8 === 0) open.wal.checkpoint();
    }
  }
}
