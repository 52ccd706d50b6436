import { Command, Option } from "commander";
import { limits } from "../../core/limits.ts";
import type { CliIo } from "../cli-io.ts";
import { count, wholeNumber } from "../read/whole-number.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { addEntryOptions, type EntryOptions } from "./entry-options.ts";
import { addServerOptions } from "./server-options.ts";

export interface GetOptions extends SessionOptions, EntryOptions {
  readonly json?: boolean;
  readonly after: bigint;
  readonly limit?: number;
}

const examples = `
Examples:
  converge-ledger get demo
  converge-ledger get demo --after 100 -n 10 --json
  converge-ledger get demo --key facts --format raw

Text columns, separated by tabs: sequence, time, key, payload, metadata.`;

/** `get CTX`: prints entries in order. */
export function getCommand(io: CliIo): Command {
  const command = new Command("get")
    .description("print the entries of a context")
    .argument("<CTX>", "the context; one without entries prints nothing")
    .addOption(
      // The default's text is given, because help cannot print a bigint.
      new Option("--after <N>", "only entries after this sequence")
        .argParser(wholeNumber(BigInt(limits.sequenceMax)))
        .default(0n, "0"),
    )
    .option("-n, --limit <N>", "at most this many entries", count);
  addServerOptions(addEntryOptions(command)).addHelpText("after", examples);
  return command.action(async (context: string, options: GetOptions) => {
    const { getEntries } = await import("../run/get-entries.ts");
    await withSession(io, options, (session) => getEntries(session, context, options));
  });
}
