import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { UsageError } from "../usage-error.ts";
import { addOutputOptions, type OutputOptions } from "./output-options.ts";
import { addServerOptions } from "./server-options.ts";

export interface CheckpointOptions extends SessionOptions, OutputOptions {
  readonly node?: boolean;
}

const examples = `
Examples:
  converge-ledger checkpoint demo -o demo-monday.checkpoint
  converge-ledger checkpoint --node -o node-monday.checkpoint
  converge-ledger verify --old demo-monday.checkpoint --new demo-friday.checkpoint --key "$(converge-ledger key demo)"

A checkpoint is a signed note of a log's name, size and root (https://c2sp.org/tlog-checkpoint). Who keeps one can
prove later that nothing before it was changed.`;

/** `checkpoint CTX`: saves a signed checkpoint. */
export function checkpointCommand(io: CliIo): Command {
  const command = new Command("checkpoint")
    .description("print or save a signed checkpoint of a context, or of the node's log of logs")
    .argument("[CTX]", "the context")
    .option("--node", "the node's log of logs, which covers every context");
  addServerOptions(addOutputOptions(command)).addHelpText("after", examples);
  return command.action(async (context: string | undefined, options: CheckpointOptions) => {
    if ((options.node ?? false) === (context !== undefined))
      throw new UsageError("name a context, or --node for the log of logs, and not both");
    const { saveCheckpoint } = await import("../run/save-checkpoint.ts");
    await withSession(io, options, (session) => saveCheckpoint(session, { contextId: context, options }));
  });
}
