import { type Command, Option } from "commander";

/** How entries are written: for people, as ProtoJSON lines, or as nothing but their payloads. */
export const entryFormats = ["text", "json", "raw"] as const;
export type EntryFormat = (typeof entryFormats)[number];

export interface EntryOptions {
  readonly key?: string;
  readonly format: EntryFormat;
  readonly json?: boolean;
}

/** Adds the options of commands that print entries. */
export function addEntryOptions(command: Command): Command {
  return command
    .option("--key <KEY>", "only entries with this key")
    .addOption(new Option("--format <FORMAT>", "how to print entries").choices(entryFormats).default("text"));
}

/** Returns the format that --format and --json ask for. */
export function chosenFormat(options: EntryOptions): EntryFormat {
  return options.json ? "json" : options.format;
}
