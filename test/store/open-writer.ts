import type { Database } from "bun:sqlite";
import type { Commit, CommitOutcome } from "../../src/ledger/ports.ts";
import { CommitWriter } from "../../src/store/commit-writer.ts";
import { dataPaths, type DataPaths, prepareDirectory } from "../../src/store/data-directory.ts";
import { openLedger } from "../../src/store/open-ledger.ts";
import { packCommit, unpackCommit } from "../../src/store/packed-commit.ts";
import { queryOnce } from "../../src/store/query-once.ts";
import { WriteAheadLog } from "../../src/store/write-ahead-log.ts";

/** The commit class on the thread of the test, with the connection beside it. */
export interface OpenWriter extends Disposable {
  readonly paths: DataPaths;
  readonly db: Database;
  readonly writer: CommitWriter;
  readonly wal: WriteAheadLog;
  newLog(): number;
  commit(commit: Commit): CommitOutcome;
  /** Returns the first column of the first row. */
  number(sql: string): number;
}

/** Opens a writer without a lock. Disposing it closes the file without a checkpoint of its own. */
export function openWriter(directory: string, synchronous: "FULL" | "OFF" = "FULL"): OpenWriter {
  const paths = dataPaths(directory);
  prepareDirectory(paths);
  const db = openLedger(paths, { expectExisting: false, synchronous });
  const writer = new CommitWriter(db);
  const wal = new WriteAheadLog(db);
  let next = writer.nextLog;
  return {
    paths,
    db,
    writer,
    wal,
    newLog: () => next++,
    commit: (commit) => writer.commit(unpackCommit(packCommit(commit, undefined, 0)), next),
    number: (sql) => Number(queryOnce(db, sql)[0]?.[0]),
    [Symbol.dispose]() {
      writer.finalize();
      wal.finalize();
      db.close();
    },
  };
}
