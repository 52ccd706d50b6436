import { Command } from "commander";
import { buildInfo } from "../build-info.ts";
import type { CliIo } from "../cli-io.ts";

/** `version`: prints what this executable is. */
export function versionCommand(io: CliIo): Command {
  return new Command("version")
    .description("print the version")
    .option("--json", "print JSON")
    .action(async (options: { readonly json?: boolean }) => {
      await io.stdout.write(options.json ? `${JSON.stringify(buildInfo)}\n` : `${versionText}\n`);
    });
}

export const versionText = `converge-ledger ${buildInfo.version} (${buildInfo.commit})`;
