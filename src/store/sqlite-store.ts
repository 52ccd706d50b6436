/**
 * The Store in a SQLite file: a Worker writes, this thread reads.
 *
 * @module
 */

import type { Store } from "../ledger/ports.ts";
import { dataPaths, prepareDirectory } from "./data-directory.ts";
import { DirectoryLock } from "./directory-lock.ts";
import { StoreOpenError } from "./open-error.ts";
import { SqliteReader } from "./sqlite-reader.ts";
import { WriterClient } from "./writer-client.ts";

export interface SqliteStoreOptions {
  /** Holds the ledger; made if it is missing. */
  readonly directory: string;
  /**
   * Where `writer-worker.ts` is. Given by the entry file of the program, because after bundling
   * only that knows the way: `new URL("./store/writer-worker.ts", import.meta.url)`.
   */
  readonly workerUrl: URL | string;
  /** True if the directory had a ledger when this process opened it before: then a missing file is not a fresh start. */
  readonly expectExisting?: boolean;
  /** Learns of failures in the background that are tried again, such as a checkpoint on a full disk. */
  readonly onProblem?: (problem: string) => void;
  /** FULL is the only safe choice, and the default; tests prove that OFF loses data. */
  readonly synchronous?: "FULL" | "OFF";
}

export interface SqliteStore extends Store {
  /**
   * Resolves with the reason if the writer dies. Commits and `head` then fail, other reads go on;
   * call `abort` and open the store again.
   */
  readonly crashed: Promise<Error>;
  /** Waits for the commits under way, empties the write-ahead log and releases the directory. */
  close(): Promise<void>;
  /** Ends the writer in the middle of whatever it does and releases the directory, as a crash would. */
  abort(): Promise<void>;
}

/** Opens the ledger of a directory, or creates it. Throws StoreOpenError. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const paths = dataPaths(options.directory);
  prepareDirectory(paths);
  const lock = DirectoryLock.acquire(paths);
  let writer: WriterClient | undefined;
  try {
    writer = new WriterClient(options.workerUrl, options.onProblem ?? ignore);
    const expectExisting = lock.marked || options.expectExisting === true;
    const nextLog = await writer.open(paths, { expectExisting, synchronous: options.synchronous ?? "FULL" });
    const reader = openReader(paths.ledger);
    if (!expectExisting) lock.mark();
    return sqliteStore({ lock, writer, reader, nextLog });
  } catch (error) {
    await writer?.abort();
    lock.release();
    throw error;
  }
}

interface Parts {
  readonly lock: DirectoryLock;
  readonly writer: WriterClient;
  readonly reader: SqliteReader;
  readonly nextLog: number;
}

function sqliteStore({ lock, writer, reader, nextLog }: Parts): SqliteStore {
  let next = nextLog;
  let ended: Promise<void> | undefined;

  async function end(endWriter: () => Promise<void>): Promise<void> {
    // The last connection to close deletes the WAL; that is to be the writer.
    reader.close();
    try {
      await endWriter();
    } finally {
      lock.release();
    }
  }

  return {
    crashed: writer.crashed,
    head: async (contextId) => {
      // After a crash the heads are certain only once the file has been opened again.
      writer.requireOpen();
      return reader.head(contextId);
    },
    read: async (range) => reader.read(range),
    findByIds: async (log, ids) => reader.findByIds(log, ids),
    list: async (range) => reader.list(range),
    totals: async () => reader.totals(),
    contentHashes: async (log, first, count) => reader.contentHashes(log, first, count),
    subtreeRoots: async (log, level, first, count) => reader.subtreeRoots(log, level, first, count),
    newestOfKey: async (log, key, through) => reader.newestOfKey(log, key, through),
    repeatedId: async (log, after) => reader.repeatedId(log, after),
    signedHead: async (contextId) => reader.signedHead(contextId),
    unlogged: async (limit) => reader.unlogged(limit),
    damaged: async (limit) => reader.damaged(limit),
    nodeId: async () => reader.nodeId(),
    roster: async () => reader.roster(),
    gossipIncarnation: async () => reader.gossipIncarnation(),
    replica: async (contextId) => reader.replica(contextId),
    replicas: async (startAfter, limit) => reader.replicas(startAfter, limit),
    archives: async (contextId, limit) => reader.archives(contextId, limit),
    forks: async (contextId, limit) => reader.forks(contextId, limit),
    newLog: () => next++,
    commit: (commit) => writer.commit(commit, next),
    discard: (log, after) => writer.discard(log, after),
    close: () => (ended ??= end(() => writer.close())),
    abort: () => (ended = end(() => writer.abort())),
  };
}

function openReader(path: string): SqliteReader {
  try {
    return new SqliteReader(path);
  } catch (error) {
    throw new StoreOpenError("io", `Cannot open ${path} for reading: ${String(error)}`, { cause: error });
  }
}

function ignore(): void {
  // Without a listener, problems that are tried again stay silent.
}
