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
  converge-ledger keygen --gossip -o gossip.key

A server makes its key by itself when it starts for the first time. After --rotate it signs with the new key and the
old ones; once everybody who verifies has the new one, --retire erases the private halves of the old ones. A server
that runs on the directory takes both up without a restart.

With --gossip it makes a key that the gossip of a cluster is sealed with, for --gossip-key-file of every node and for
"keyring add". It has nothing to do with the keys of a data directory.`;

/** `keygen`: makes, rotates and retires the keys that checkpoints are signed with, and makes keys for gossip. */
export function keygenCommand(io: CliIo, tools: Tools): Command {
  const { flag, placeholder, description, env } = configFileField;
  const command = new Command("keygen")
    .description(
      "make the key that checkpoints of a data directory are signed with, add a new one, or retire old ones; or make a key for gossip",
    )
    .option("--rotate", "add a new key; checkpoints carry the signatures of all, newest first")
    .option("--retire", "erase the private half of every key but the newest")
    .option("--gossip", "make a key for the gossip of a cluster instead: 32 bytes in base64")
    .option(
      "-o, --output <FILE>",
      "with --gossip: write the key to a new file that its owner alone can read",
    );
  addNodeOptions(command)
    .option(`${flag} <${placeholder}>`, `${description} (${env})`)
    .option("--json", "print JSON, errors included")
    .addHelpText("after", examples);
  return command.action(async (flags: Flags) => {
    const json = flags["json"] === true;
    if (flags["gossip"] === true) {
      const { makeGossipKey } = await import("../run/make-gossip-key.ts");
      return await makeGossipKey(io, tools, { output: gossipOutput(flags), json });
    }
    if (flags["output"] !== undefined) throw new UsageError("--output needs --gossip");
    const change = changeOf(flags);
    const { config } = await loadSettings(io, "server", flags);
    const { changeKeys } = await import("../run/change-keys.ts");
    return await changeKeys(io, tools, { config, change, json });
  });
}

function gossipOutput({ rotate, retire, output }: Flags): string | undefined {
  if (rotate === true || retire === true)
    throw new UsageError("--gossip excludes --rotate and --retire: use keyring to change the keys of gossip");
  return typeof output === "string" ? output : undefined;
}

function changeOf({ rotate, retire }: Flags): KeyChange {
  if (rotate === true && retire === true)
    throw new UsageError("--rotate and --retire exclude each other: retire once everybody has the new key");
  if (rotate === true) return "rotate";
  return retire === true ? "retire" : "make";
}
