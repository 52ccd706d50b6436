import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { count } from "../read/whole-number.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { addEntryOptions, type EntryOptions } from "./entry-options.ts";
import { addServerOptions } from "./server-options.ts";

export interface TailOptions extends SessionOptions, EntryOptions {
  readonly json?: boolean;
  readonly limit: number;
  readonly follow?: boolean;
}

const examples = `
Examples:
  converge-ledger tail demo
  converge-ledger tail demo -f
  converge-ledger tail demo -n 0 -f --key facts --json

With -f it goes on across restarts of the server, without a gap or a repeat, until Ctrl-C.`;

/** `tail CTX`: prints the last entries, and follows. */
export function tailCommand(io: CliIo): Command {
  const command = new Command("tail")
    .description("print the last entries of a context, and follow it with -f")
    .argument("<CTX>", "the context")
    .option("-n, --limit <N>", "this many of the last entries", count, 10)
    .option("-f, --follow", "wait for new entries and print them");
  addServerOptions(addEntryOptions(command)).addHelpText("after", examples);
  return command.action(async (context: string, options: TailOptions) => {
    const { tailEntries } = await import("../run/tail-entries.ts");
    await withSession(io, options, (session) => tailEntries(session, context, options));
  });
}
