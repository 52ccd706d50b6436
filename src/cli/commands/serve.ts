import { Command } from "commander";
import type { Resolved } from "../../config.ts";
import type { CliIo } from "../cli-io.ts";
import { Ended } from "../ended.ts";
import { type Flags, loadSettings } from "../settings.ts";
import { addSettingOptions } from "./setting-options.ts";

/** Runs a server until it is told to stop, and returns the exit code. */
export type Serve = (settings: Resolved<"server">) => Promise<number>;

const examples = `
Examples:
  converge-ledger serve
  converge-ledger serve --data /var/lib/ledger --http 127.0.0.1:8081 --grpc 127.0.0.1:0

Every option is a setting of the environment and of a settings file too; "converge-ledger config" shows
what is in force. SIGTERM and SIGINT end open calls and stop.`;

/** `serve`: runs a server. */
export function serveCommand(io: CliIo, serve: Serve): Command {
  const command = new Command("serve").description("run a server").addHelpText("after", examples);
  return addSettingOptions(command, "server").action(async (flags: Flags) => {
    const exitCode = await serve(await loadSettings(io, "server", flags));
    if (exitCode !== 0) throw new Ended(exitCode);
  });
}
