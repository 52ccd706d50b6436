import { toJsonString } from "@bufbuild/protobuf";
import { limits } from "../../core/limits.ts";
import { type Receipt, ReceiptSchema } from "../../gen/converge/ledger/v1/ledger_pb.ts";
import { parseEntryLine } from "../read/entry-line.ts";
import { LineQueue, type ReadLine } from "../read/line-queue.ts";
import { readLines } from "../read/lines.ts";
import { entriesText } from "../render/entries-text.ts";
import type { Session } from "../session.ts";

export interface AppendLines {
  readonly contextId: string;
  /** For lines without a key. */
  readonly defaultKey: string | undefined;
  readonly source: AsyncIterable<Uint8Array>;
  /** Nodes that must have each batch on disk; 0 for as many as the cluster requires. */
  readonly minCopies: number;
}

/**
 * Appends an entry for each line, in order, and prints a receipt for each. Lines that arrive while
 * a batch is on its way make the next batch: fast input travels in large ones, slow input at once.
 */
export async function appendLines(
  session: Session,
  { contextId, defaultKey, source, minCopies }: AppendLines,
): Promise<void> {
  const queue = new LineQueue();
  const reading = readInto(queue, source, defaultKey);
  // Its failure is reported below, after the lines before it were sent.
  reading.catch(() => {});
  let appended = 0;
  for (let batch = await queue.take(); batch.length > 0; batch = await queue.take()) {
    await sendBatch(session, { contextId, minCopies }, batch, appended);
    appended += batch.length;
  }
  await reading.catch((error: unknown) => {
    throw new Error(`${messageOf(error)} (${entriesWere(appended)} appended before it)`, { cause: error });
  });
}

async function readInto(
  queue: LineQueue,
  source: AsyncIterable<Uint8Array>,
  defaultKey: string | undefined,
): Promise<void> {
  try {
    // A line holds at most one entry in base64 with its other fields.
    for await (const { number, text } of readLines(source, limits.requestBytesMax)) {
      if (text.trim() !== "") await queue.push({ number, entry: parseLine(number, text, defaultKey) });
    }
  } finally {
    queue.end();
  }
}

function parseLine(number: number, text: string, defaultKey: string | undefined): ReadLine["entry"] {
  try {
    return parseEntryLine(text, defaultKey);
  } catch (error) {
    throw new Error(`line ${number}: ${messageOf(error)}`, { cause: error });
  }
}

async function sendBatch(
  session: Session,
  { contextId, minCopies }: Pick<AppendLines, "contextId" | "minCopies">,
  batch: readonly ReadLine[],
  appended: number,
): Promise<void> {
  const { client, io, json, signal } = session;
  const entries = batch.map(({ entry }) => entry);
  const answer = await client
    .appendBatch(contextId, entries, { signal, minCopies })
    .catch(async (error: unknown) => {
      const lines = `lines ${batch[0]?.number} to ${batch.at(-1)?.number}`;
      const notice = { notice: "batch-refused", lines, appendedBefore: appended };
      const text = `${lines} were not appended together; ${entriesWere(appended)} appended before them`;
      await io.stderr.write(`${json ? JSON.stringify(notice) : text}\n`);
      throw error;
    });
  const lines = answer.receipts.map((receipt) =>
    json ? toJsonString(ReceiptSchema, receipt) : receiptText(receipt),
  );
  await io.stdout.write(`${lines.join("\n")}\n`);
}

function receiptText({ sequence, id, duplicate }: Receipt): string {
  return `${sequence} ${id}${duplicate ? " duplicate" : ""}`;
}

function entriesWere(count: number): string {
  return `${entriesText(count)} ${count === 1 ? "was" : "were"}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
