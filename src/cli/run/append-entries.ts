import { toJsonString } from "@bufbuild/protobuf";
import { limits } from "../../core/limits.ts";
import { encodeUtf8 } from "../../core/utf8.ts";
import { payloadTooLarge } from "../../core/validate.ts";
import { AppendResponseSchema } from "../../gen/converge/context/v1/context_pb.ts";
import type { CliIo } from "../cli-io.ts";
import type { AppendOptions } from "../commands/append.ts";
import { readAll, readInput } from "../read/input.ts";
import { withSession } from "../session.ts";
import { UsageError } from "../usage-error.ts";
import { appendLines } from "./append-lines.ts";

export interface AppendArguments {
  readonly context: string;
  readonly key: string | undefined;
  readonly payload: string | undefined;
}

/** Appends one entry, or one for each line of JSON, and prints what the ledger gave it. */
export async function appendEntries(
  io: CliIo,
  given: AppendArguments,
  options: AppendOptions,
): Promise<void> {
  if (options.jsonLines) await appendMany(io, given, options);
  else await appendOne(io, given, options);
}

async function appendOne(
  io: CliIo,
  { context, key, payload }: AppendArguments,
  options: AppendOptions,
): Promise<void> {
  if (key === undefined) throw new UsageError("missing KEY: converge-ledger append CTX KEY PAYLOAD");
  const bytes = await readPayload(io, payload, options.input);
  await withSession(io, options, async ({ client, json, signal }) => {
    const entry = {
      key,
      payload: bytes,
      metadata: options.meta,
      idempotencyKey: options.idempotencyKey ?? "",
      receivedLamport: options.receivedLamport ?? 0n,
    };
    const answer = await client.append(context, entry, { signal, minCopies: options.minCopies ?? 0 });
    const line = json
      ? toJsonString(AppendResponseSchema, answer)
      : `${answer.entry?.sequence} ${answer.entry?.id}${answer.duplicate ? " duplicate" : ""}`;
    await io.stdout.write(`${line}\n`);
  });
}

/** Returns the payload's bytes as they are: nothing is stripped or converted. */
async function readPayload(
  io: CliIo,
  payload: string | undefined,
  input: string | undefined,
): Promise<Uint8Array> {
  if (payload !== undefined && input !== undefined)
    throw new UsageError("PAYLOAD and --input exclude each other");
  if (payload !== undefined && payload !== "-") return encodeUtf8(payload);
  const path = input ?? payload;
  if (path === undefined)
    throw new UsageError('missing PAYLOAD: give it as text, as - or with --input FILE ("" is empty)');
  const bytes = await readAll(readInput(io, path), limits.payloadBytesMax);
  // The input may have no end, so its size is not known.
  if (bytes === undefined) throw payloadTooLarge(`at least ${limits.payloadBytesMax + 1}`);
  return bytes;
}

async function appendMany(
  io: CliIo,
  { context, key, payload }: AppendArguments,
  options: AppendOptions,
): Promise<void> {
  if (payload !== undefined && payload !== "-")
    throw new UsageError("--json-lines reads payloads from its lines");
  const { idempotencyKey, receivedLamport, meta } = options;
  if (idempotencyKey !== undefined || receivedLamport !== undefined || Object.keys(meta).length > 0) {
    throw new UsageError(
      "with --json-lines, metadata, idempotency keys and Lamport times belong into the lines",
    );
  }
  const source = readInput(io, options.input ?? "-");
  await withSession(io, options, async (session) => {
    await appendLines(session, {
      contextId: context,
      defaultKey: key,
      source,
      minCopies: options.minCopies ?? 0,
    });
  });
}
