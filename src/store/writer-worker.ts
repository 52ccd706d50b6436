/**
 * Entry file of the Worker that writes: messages in, replies out. It ends by throwing when the
 * outcome of a commit is unknown; whoever started it opens the store again.
 *
 * @module
 */

import type { Database } from "bun:sqlite";
import { StoreError } from "../ledger/ports.ts";
import { CommitWriter } from "./commit-writer.ts";
import { StoreOpenError } from "./open-error.ts";
import { createFilePresence } from "./file-presence.ts";
import { openLedger } from "./open-ledger.ts";
import { unpackCommit } from "./packed-commit.ts";
import { reasonOf, toStoreError } from "./sqlite-failure.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";
import type { WriterReply, WriterRequest } from "./writer-messages.ts";
import { startUpkeep, type Upkeep } from "./writer-upkeep.ts";

declare const self: Worker;

/** How often the writer looks whether its file still is the one in the directory. */
const fileCheckMs = 1000;

interface OpenWriter {
  readonly db: Database;
  readonly writer: CommitWriter;
  readonly wal: WriteAheadLog;
  readonly upkeep: Upkeep;
  readonly fileWatch: ReturnType<typeof setInterval>;
}

let opened: OpenWriter | undefined;

self.onmessage = ({ data }: MessageEvent<WriterRequest>) => {
  if (data.kind === "open") opened = open(data);
  else if (opened === undefined) throw new Error("a writer is opened before it is used");
  else serve(opened, data);
};

function open({ paths, options }: WriterRequest & { kind: "open" }): OpenWriter | undefined {
  try {
    const db = openLedger(paths, options);
    const writer = new CommitWriter(db);
    const wal = new WriteAheadLog(db);
    const upkeep = startUpkeep(writer, wal, (message) => reply({ kind: "problem", message }));
    reply({ kind: "opened", nextLog: writer.nextLog });
    const present = createFilePresence(paths.ledger);
    const fileWatch = setInterval(() => present.check(), fileCheckMs);
    return { db, writer, wal, upkeep, fileWatch };
  } catch (error) {
    const failure = error instanceof StoreOpenError ? error.kind : "io";
    reply({ kind: "open-failed", failure, message: reasonOf(error) });
    return undefined;
  }
}

function serve(parts: OpenWriter, request: Exclude<WriterRequest, { kind: "open" }>): void {
  const { writer, upkeep } = parts;
  switch (request.kind) {
    case "commit":
      answering(request.call, () => {
        const { call, packed, nextLog } = request;
        const outcome = writer.commit(unpackCommit(packed), nextLog);
        reply({ kind: "committed", call, outcome, packed }, [packed]);
        upkeep.committed();
      });
      break;
    case "discard":
      answering(request.call, () => {
        const more = writer.discard(request.log, request.after);
        reply({ kind: "discarded", call: request.call, more });
        upkeep.committed();
      });
      break;
    case "close":
      close(parts);
  }
}

/** Runs one call; its failure is the reply, unless nobody can know the outcome before this thread is gone. */
function answering(call: number, work: () => void): void {
  try {
    work();
  } catch (error) {
    const { failure, message } = error instanceof StoreError ? error : toStoreError("write", error);
    if (failure === "unknown") throw error;
    reply({ kind: "failed", call, failure, message });
  }
}

function close({ db, writer, wal, upkeep, fileWatch }: OpenWriter): void {
  clearInterval(fileWatch);
  upkeep.stop();
  writer.finalize();
  wal.finalize();
  try {
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (error) {
    // Nothing is lost: the WAL stays, and the next start copies it.
    reply({ kind: "problem", message: `Cannot empty the write-ahead log at the end: ${String(error)}` });
  }
  db.close();
  reply({ kind: "closed" });
}

function reply(message: WriterReply, transfer: ArrayBuffer[] = []): void {
  self.postMessage(message, transfer);
}
