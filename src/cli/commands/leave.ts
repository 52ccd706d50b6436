import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { addServerOptions } from "./server-options.ts";

const examples = `
Examples:
  converge-ledger leave

The others show the node as left, and not as dead. It goes on serving, and is a member again after "join", or when it is
started again.`;

/** `leave`: lets a server say good-bye to its cluster. */
export function leaveCommand(io: CliIo): Command {
  const command = new Command("leave").description("let the server say good-bye to its cluster");
  addServerOptions(command).addHelpText("after", examples);
  return command.action(async (options: SessionOptions) => {
    const { leaveCluster } = await import("../run/leave-cluster.ts");
    await withSession(io, options, leaveCluster);
  });
}
