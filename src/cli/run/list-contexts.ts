import { toJsonString } from "@bufbuild/protobuf";
import { type ContextInfo, ContextInfoSchema } from "../../gen/converge/ledger/v1/ledger_pb.ts";
import type { LsOptions } from "../commands/ls.ts";
import { escapeText } from "../render/escape.ts";
import { timeText } from "../render/time-text.ts";
import type { Session } from "../session.ts";

/** Prints a line for each context. */
export async function listContexts(
  { client, io, json, signal }: Session,
  prefix: string,
  options: LsOptions,
): Promise<void> {
  const { limit = Infinity, startAfter = "" } = options;
  for await (const context of client.list({ prefix, startAfter, limit, signal })) {
    await io.stdout.write(`${json ? toJsonString(ContextInfoSchema, context) : contextLine(context)}\n`);
  }
}

function contextLine({ contextId, latestSequence, bytes, lastAppendedAtNs }: ContextInfo): string {
  return [escapeText(contextId), latestSequence, bytes, timeText(lastAppendedAtNs)].join("\t");
}
