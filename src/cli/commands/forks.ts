import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { addServerOptions } from "./server-options.ts";

export interface ForksOptions extends SessionOptions {
  readonly hashes?: boolean;
}

const examples = `
Examples:
  converge-ledger forks
  converge-ledger forks demo --json --hashes

Two histories of a context that differed, as after a partition with --write-copies 1: one stands, and the entries of the other
follow it as new ones with the same ids. A context without forks prints nothing.

Text columns, separated by tabs: context, last sequence in both, entries that lost their place, epoch of the history that stands,
epoch of the other, when it was found, and "pending" while this node keeps entries that may not be in the history yet.`;

/** `forks [CTX]`: lists histories that differed. */
export function forksCommand(io: CliIo): Command {
  const command = new Command("forks")
    .description("list histories of contexts that differed, and what became of them")
    .argument("[CTX]", "only those of this context")
    .option("--hashes", "with --json: the content hashes of the entries that lost their place");
  addServerOptions(command).addHelpText("after", examples);
  return command.action(async (context: string | undefined, options: ForksOptions) => {
    const { listForks } = await import("../run/list-forks.ts");
    await withSession(io, options, (session) => listForks(session, context, options.hashes === true));
  });
}
