import type { Command } from "commander";

/** Where a command writes what it makes. */
export interface OutputOptions {
  readonly output?: string;
  readonly force?: boolean;
}

/** Adds the options of commands that make a file of text. */
export function addOutputOptions(command: Command): Command {
  return command
    .option(
      "-o, --output <FILE>",
      "write to a file, which appears when it is complete; without it, or for -, standard output",
    )
    .option("--force", "replace the file if it is a regular file that exists");
}
