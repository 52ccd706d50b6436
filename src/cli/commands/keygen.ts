import { Command } from "commander";
import { configFileField } from "../../config.ts";
import type { CliIo } from "../cli-io.ts";
import { type Flags, loadSettings } from "../settings.ts";
import type { KeyChange, Tools } from "../tools.ts";
import { UsageError } from "../usage-error.ts";
import { addNodeOptions } from "./node-options.ts";

const examples = `
Examples:
  converge-ledger keygen --data /var/lib/ledger
  converge-ledger keygen --data /var/lib/ledger --rotate
  converge-ledger keygen --data /var/lib/ledger --retire

A server makes its key by itself when it starts for the first time. After --rotate it signs with the new key and the
old ones; once everybody who verifies has the new one, --retire erases the private halves of the old ones. A server
that runs on the directory takes both up without a restart.`;

/** `keygen`: makes, rotates and retires the keys that checkpoints are signed with. */
export function keygenCommand(io: CliIo, tools: Tools): Command {
  const { flag, placeholder, description, env } = configFileField;
  const command = new Command("keygen")
    .description(
      "make the key that checkpoints of a data directory are signed with, add a new one, or retire old ones",
    )
    .option("--rotate", "add a new key; checkpoints carry the signatures of all, newest first")
    .option("--retire", "erase the private half of every key but the newest");
  addNodeOptions(command)
    .option(`${flag} <${placeholder}>`, `${description} (${env})`)
    .option("--json", "print JSON, errors included")
    .addHelpText("after", examples);
  return command.action(async (flags: Flags) => {
    const change = changeOf(flags);
    const { config } = await loadSettings(io, "server", flags);
    const { changeKeys } = await import("../run/change-keys.ts");
    await changeKeys(io, tools, { config, change, json: flags["json"] === true });
  });
}

function changeOf({ rotate, retire }: Flags): KeyChange {
  if (rotate === true && retire === true)
    throw new UsageError("--rotate and --retire exclude each other: retire once everybody has the new key");
  if (rotate === true) return "rotate";
  return retire === true ? "retire" : "make";
}
