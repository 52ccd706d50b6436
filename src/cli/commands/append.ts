import { toJsonString } from "@bufbuild/protobuf";
import { Command } from "commander";
import { limits } from "../../core/limits.ts";
import { encodeUtf8 } from "../../core/utf8.ts";
import { AppendResponseSchema } from "../../gen/converge/context/v1/context_pb.ts";
import { appendLines } from "../append-lines.ts";
import type { CliIo } from "../cli-io.ts";
import { readAll, readInput } from "../read/input.ts";
import { metadataPair } from "../read/metadata-pair.ts";
import { wholeNumber } from "../read/whole-number.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { UsageError } from "../usage-error.ts";
import { addServerOptions } from "./server-options.ts";

interface AppendOptions extends SessionOptions {
  readonly input?: string;
  readonly jsonLines?: boolean;
  readonly meta: Record<string, string>;
  readonly idempotencyKey?: string;
  readonly receivedLamport?: bigint;
}

const examples = `
Examples:
  converge-ledger append demo facts "hello"
  echo '{"a":1}' | converge-ledger append demo facts -
  converge-ledger append demo traces -i trace.bin --meta agent=planner --meta run=7
  converge-ledger get demo --json | converge-ledger append copy --json-lines`;

/** `append CTX KEY PAYLOAD`: adds one entry, or one for each line of JSON. */
export function appendCommand(io: CliIo): Command {
  const command = new Command("append")
    .description("add an entry to a context, and print its sequence and id")
    .argument("<CTX>", "the context; its first entry makes it")
    .argument("[KEY]", "what kind of entry this is; with --json-lines, for lines that have no key")
    .argument("[PAYLOAD]", "the content as text, or - to read it from standard input")
    .option(
      "-i, --input <FILE>",
      "read the payload, or the lines, from a file, byte for byte; - is standard input",
    )
    .option("--json-lines", "append one entry for each line of JSON; see docs/cli.md")
    .option("--meta <NAME=VALUE>", "metadata; may be repeated", metadataPair, {})
    .option(
      "--idempotency-key <ID>",
      "answer the first entry that was appended with this key, instead of a second one",
    )
    .option(
      "--received-lamport <N>",
      "the Lamport time of what caused this entry",
      wholeNumber(limits.lamportMax),
    )
    .addHelpText("after", examples);
  return addServerOptions(command).action(
    async (context: string, key: string | undefined, payload: string | undefined, options: AppendOptions) => {
      if (options.jsonLines) await appendMany(io, context, key, payload, options);
      else await appendOne(io, context, key, payload, options);
    },
  );
}

async function appendOne(
  io: CliIo,
  contextId: string,
  key: string | undefined,
  payload: string | undefined,
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
    const answer = await client.append(contextId, entry, { signal });
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
  // One byte more than is allowed is enough for the server to say what is wrong.
  return await readAll(readInput(io, path), limits.payloadBytesMax + 1);
}

async function appendMany(
  io: CliIo,
  contextId: string,
  key: string | undefined,
  payload: string | undefined,
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
    await appendLines(session, { contextId, defaultKey: key, source });
  });
}
