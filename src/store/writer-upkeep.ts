/**
 * What the writer does between commits: checkpoints of the WAL, and discarding what a crash left.
 *
 * @module
 */

import { limits } from "../core/limits.ts";
import type { CommitWriter } from "./commit-writer.ts";
import type { WriteAheadLog } from "./write-ahead-log.ts";

export interface Upkeep {
  /** Call after each acknowledged commit. */
  committed(): void;
  stop(): void;
}

/** Quiet time after which the WAL is copied, by how much there is. */
const idleMs = { fewBytes: 1000, manyBytes: 10 };
const orphanPauseMs = 5;
/** After a failure, such as a full disk. */
const retryMs = 1000;

/** Starts the upkeep of one writer. `onProblem` learns of failures, which are tried again later. */
export function startUpkeep(
  writer: CommitWriter,
  wal: WriteAheadLog,
  onProblem: (problem: string) => void,
): Upkeep {
  let commits = 0;
  let failed = false;
  let checkpointTimer: ReturnType<typeof setTimeout> | undefined;
  let orphanTimer: ReturnType<typeof setTimeout> | undefined = setTimeout(discardOrphans, orphanPauseMs);

  function committed(): void {
    commits += 1;
    if (!failed && wal.pendingBytes() >= limits.walBytesMax) checkpoint();
    else checkpointTimer ??= setTimeout(whenQuiet, idleMs.manyBytes, commits, idleMs.manyBytes);
  }

  function whenQuiet(commitsBefore: number, waitedMs: number): void {
    checkpointTimer = undefined;
    const pending = wal.pendingBytes();
    if (pending === 0) return;
    const quietMs = pending >= limits.walBytesMax / 8 ? idleMs.manyBytes : idleMs.fewBytes;
    if (commits === commitsBefore && waitedMs >= quietMs) checkpoint();
    else checkpointTimer = setTimeout(whenQuiet, quietMs, commits, quietMs);
  }

  function checkpoint(): void {
    try {
      wal.checkpoint();
      failed = false;
    } catch (error) {
      failed = true;
      onProblem(`Cannot copy the write-ahead log into the ledger file: ${String(error)}`);
      clearTimeout(checkpointTimer);
      checkpointTimer = setTimeout(checkpointAgain, retryMs);
    }
  }

  function checkpointAgain(): void {
    checkpointTimer = undefined;
    checkpoint();
  }

  function discardOrphans(): void {
    orphanTimer = undefined;
    try {
      if (writer.discardOrphans()) orphanTimer = setTimeout(discardOrphans, orphanPauseMs);
    } catch (error) {
      onProblem(String(error));
      orphanTimer = setTimeout(discardOrphans, retryMs);
    }
  }

  return {
    committed,
    stop() {
      clearTimeout(checkpointTimer);
      clearTimeout(orphanTimer);
    },
  };
}
