import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { addServerOptions } from "./server-options.ts";

export interface StatusOptions extends SessionOptions {
  readonly quiet?: boolean;
}

const examples = `
Examples:
  converge-ledger status
  converge-ledger status --quiet || echo "not ready"
  converge-ledger status demo
  converge-ledger status demo --quiet || echo "not all copies are there and equal"

Without CTX: a line for each part of the server, and one about its cluster. With CTX: a line for each node that keeps the context, and
one about all copies together. Text columns of those, separated by tabs: holder, node id, name, state, "home" or "-", newest sequence,
committed sequence, lag in entries, and SIZE:ROOT or why it did not say. Last line: context, equal, incomplete or different, newest
sequence, committed sequence, epoch, copies that acknowledge, entries in archives to be settled, forks.`;

/** `status [CTX]`: tells whether a server is ready, or where a context is and how far its copies are; by its exit code too. */
export function statusCommand(io: CliIo): Command {
  const command = new Command("status")
    .description("tell whether the server is ready, or where a context is kept: exit code 0 if all is well")
    .argument("[CTX]", "where the copies of this context are, and how far each is")
    .option("-q, --quiet", "print nothing, for health checks");
  addServerOptions(command).addHelpText("after", examples);
  return command.action(async (context: string | undefined, options: StatusOptions) => {
    const quiet = options.quiet === true;
    if (context === undefined) {
      const { showReadiness } = await import("../run/show-readiness.ts");
      return await showReadiness(io, options);
    }
    const { showContextStatus } = await import("../run/show-context-status.ts");
    await withSession(io, options, (session) => showContextStatus(session, context, quiet));
  });
}
