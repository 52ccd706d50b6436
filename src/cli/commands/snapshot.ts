import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { type SessionOptions, withSession } from "../session.ts";
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
    .requiredOption(
      "-o, --output <FILE>",
      "where to write; - is standard output, a pipe or device is written into",
    )
    .option("--force", "replace the file if it is a regular file that exists");
  addServerOptions(command).addHelpText("after", examples);
  return command.action(async (context: string, options: SnapshotOptions) => {
    const { saveSnapshot } = await import("../run/save-snapshot.ts");
    await withSession(io, options, (session) => saveSnapshot(session, context, options));
  });
}
