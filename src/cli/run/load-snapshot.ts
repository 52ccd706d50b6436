import { create, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { stat } from "node:fs/promises";
import {
  LedgerService,
  type LoadStreamRequest,
  LoadStreamRequestSchema,
  type LoadStreamResponse,
  LoadStreamResponseSchema,
} from "../../gen/converge/ledger/v1/ledger_pb.ts";
import type { LoadOptions } from "../commands/load.ts";
import { InputError } from "../read/input-error.ts";
import { readInput } from "../read/input.ts";
import { entriesText } from "../render/entries-text.ts";
import { Progress } from "../render/progress.ts";
import type { Session } from "../session.ts";

export interface LoadSnapshot {
  readonly contextId: string;
  readonly file: string;
  readonly options: LoadOptions;
}

const chunkBytes = 256 * 1024;

/** Sends a file or standard input as it is read, so its size does not matter, and prints what it brought. */
export async function loadSnapshot(
  session: Session,
  { contextId, file, options }: LoadSnapshot,
): Promise<void> {
  const { io, json, signal, url } = session;
  const progress = new Progress(io.stderr, await sizeOf(file));
  // The client of the other commands uses fetch, which cannot stream requests everywhere.
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: true });
  const first = {
    contextId,
    failIfExists: options.failIfExists ?? false,
    expectedRoot: options.expectRoot ?? "",
    allowUnverified: options.allowUnverified ?? false,
  };
  try {
    const requests = loadRequests(first, readInput(io, file), progress);
    const answer = await createClient(LedgerService, transport).loadStream(requests, { signal });
    await progress.end();
    await io.stdout.write(`${json ? toJsonString(LoadStreamResponseSchema, answer) : answerText(answer)}\n`);
  } catch (error) {
    throw error instanceof Error && error.cause instanceof InputError ? error.cause : error;
  } finally {
    await progress.end();
  }
}

/** Returns the number of bytes to be read, if it is known. Throws {@link InputError} if there is no such file. */
async function sizeOf(file: string): Promise<number | undefined> {
  if (file === "-") return undefined;
  const found = await stat(file).catch((error: unknown) => {
    throw new InputError(file, error);
  });
  return found.isFile() ? found.size : undefined;
}

async function* loadRequests(
  options: MessageInitShape<typeof LoadStreamRequestSchema>["options"] & object,
  source: AsyncIterable<Uint8Array>,
  progress: Progress,
): AsyncGenerator<LoadStreamRequest, void> {
  yield create(LoadStreamRequestSchema, { options });
  for await (const bytes of source) {
    for (let start = 0; start < bytes.length; start += chunkBytes) {
      const chunk = bytes.subarray(start, start + chunkBytes);
      yield create(LoadStreamRequestSchema, { chunk });
      await progress.add(chunk.length);
    }
  }
}

function answerText(answer: LoadStreamResponse): string {
  const { entriesRestored, entriesAdded, latestSequence, unverified } = answer;
  const text = `${entriesText(entriesRestored)} in the snapshot, ${entriesAdded} added, newest sequence ${latestSequence}`;
  return unverified ? `${text}, not verified: the snapshot carries no root` : text;
}
