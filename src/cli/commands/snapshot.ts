import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { UsageError } from "../usage-error.ts";
import { addServerOptions } from "./server-options.ts";

export interface SnapshotOptions extends SessionOptions {
  readonly output: string;
  readonly force?: boolean;
}

const examples = `
Examples:
  converge-ledger snapshot demo -o demo.cls
  converge-ledger snapshot demo -o - | ssh backup 'cat > demo.cls'`;

/** `snapshot CTX -o FILE`: copies a context into a file. */
export function snapshotCommand(io: CliIo): Command {
  const command = new Command("snapshot")
    .description("copy a context of any size into a file")
    .argument("<CTX>", "the context")
    .requiredOption("-o, --output <FILE>", "where to write; - is standard output")
    .option("--force", "replace the file if it exists");
  addServerOptions(command).addHelpText("after", examples);
  return command.action(async (context: string, options: SnapshotOptions) => {
    if (options.output === "-" && io.stdout.isTerminal) {
      throw new UsageError("a snapshot is binary and standard output is a terminal: use -o FILE, or a pipe");
    }
    const { saveSnapshot } = await import("../run/save-snapshot.ts");
    await withSession(io, options, (session) => saveSnapshot(session, context, options));
  });
}
