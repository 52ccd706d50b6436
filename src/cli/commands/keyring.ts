import { Argument, Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { readGossipKey } from "../read/gossip-key.ts";
import type { KeyringChange } from "../run/change-keyring.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { UsageError } from "../usage-error.ts";
import { addServerOptions } from "./server-options.ts";

const actions = ["list", "add", "use", "remove"] as const;
type Action = (typeof actions)[number];

const examples = `
Examples:
  converge-ledger keyring list
  converge-ledger keygen --gossip -o new.key && converge-ledger keyring add - < new.key
  converge-ledger keyring use 8d9f1c2ab34e5f60
  converge-ledger keyring remove 03a1c2d9e8f70b16

To change the key of a running cluster: add the new one, use it, remove the old one. Each step reaches every member, and
each key is named by its id, as "list" prints it. A key on the command line stays in the shell's history; "-" reads it from
standard input. The exit code is 1 if some member did not do it; the same command may be repeated.

Text columns, separated by tabs: id, how many members have the key, how many write with it.`;

/** `keyring list|add|use|remove`: shows and changes the keys that gossip is sealed with. */
export function keyringCommand(io: CliIo): Command {
  const command = new Command("keyring")
    .description("list or change the keys that the gossip of the cluster is sealed with, on every member")
    .addArgument(new Argument("<ACTION>", "what to do").choices(actions))
    .argument("[KEY]", "add: the key in base64, or - for standard input; use, remove: the id of the key");
  addServerOptions(command).addHelpText("after", examples);
  return command.action(async (action: Action, key: string | undefined, options: SessionOptions) => {
    const change = await changeOf(io, action, key);
    const { changeKeyring } = await import("../run/change-keyring.ts");
    await withSession(io, options, (session) => changeKeyring(session, change));
  });
}

async function changeOf(io: CliIo, action: Action, key: string | undefined): Promise<KeyringChange> {
  if (action === "list") {
    if (key !== undefined) throw new UsageError("list takes no KEY");
    return { action };
  }
  if (key === undefined)
    throw new UsageError(
      action === "add"
        ? "missing KEY: give the key in base64, or - for standard input"
        : "missing KEY: give its id",
    );
  return action === "add" ? { action, key: await readGossipKey(io, key) } : { action, id: key };
}
