import type { Command } from "commander";
import { fields } from "../../config.ts";
import { settingOption } from "./setting-options.ts";

const names: ReadonlySet<string> = new Set(["log-name", "node-name"]);

/** Adds the settings of a server that say what its keys are called. */
export function addNameOptions(command: Command): Command {
  return addSettings(command, names);
}

/** Adds the settings of a server that say where its keys are and what they are called. */
export function addNodeOptions(command: Command): Command {
  return addSettings(command, new Set(["data", ...names]));
}

function addSettings(command: Command, keys: ReadonlySet<string>): Command {
  for (const field of fields.filter(({ fileKey }) => keys.has(fileKey)))
    command.addOption(settingOption(field));
  return command;
}
