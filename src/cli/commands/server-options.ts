import type { Command } from "commander";
import { addSettingOptions } from "./setting-options.ts";

/** Adds the options of every command that talks to a server. */
export function addServerOptions(command: Command): Command {
  return addSettingOptions(command, "client").option("--json", "print JSON, errors included");
}
