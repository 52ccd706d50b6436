import { toJsonString } from "@bufbuild/protobuf";
import { Command } from "commander";
import { type ContextInfo, ContextInfoSchema } from "../../gen/converge/ledger/v1/ledger_pb.ts";
import type { CliIo } from "../cli-io.ts";
import { count } from "../read/whole-number.ts";
import { escapeText } from "../render/escape.ts";
import { timeText } from "../render/time-text.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { addServerOptions } from "./server-options.ts";

interface LsOptions extends SessionOptions {
  readonly limit?: number;
  readonly startAfter?: string;
}

const examples = `
Examples:
  converge-ledger ls
  converge-ledger ls agents/ -n 100
  converge-ledger ls --json

Text columns, separated by tabs: context, newest sequence, bytes, time of the newest entry.`;

/** `ls [PREFIX]`: lists contexts. */
export function lsCommand(io: CliIo): Command {
  const command = new Command("ls")
    .description("list contexts in the byte order of their ids")
    .argument("[PREFIX]", "only contexts whose ids begin like this", "")
    .option("-n, --limit <N>", "at most this many", count)
    .option("--start-after <CTX>", "only contexts after this id");
  addServerOptions(command).addHelpText("after", examples);
  return command.action(async (prefix: string, options: LsOptions) => {
    await withSession(io, options, async ({ client, json, signal }) => {
      const { limit, startAfter = "" } = options;
      const contexts = client.list({ prefix, startAfter, signal, ...(limit === undefined ? {} : { limit }) });
      for await (const context of contexts) {
        await io.stdout.write(`${json ? toJsonString(ContextInfoSchema, context) : contextLine(context)}\n`);
      }
    });
  });
}

function contextLine({ contextId, latestSequence, bytes, lastAppendedAtNs }: ContextInfo): string {
  return [escapeText(contextId), latestSequence, bytes, timeText(lastAppendedAtNs)].join("\t");
}
