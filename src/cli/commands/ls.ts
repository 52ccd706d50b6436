import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { count } from "../read/whole-number.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { addServerOptions } from "./server-options.ts";

export interface LsOptions extends SessionOptions {
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
    const { listContexts } = await import("../run/list-contexts.ts");
    await withSession(io, options, (session) => listContexts(session, prefix, options));
  });
}
