import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { type SessionOptions, withSession } from "../session.ts";
import type { Tools } from "../tools.ts";
import { UsageError } from "../usage-error.ts";
import { addServerOptions } from "./server-options.ts";
import { addNameOptions } from "./node-options.ts";

export interface KeyOptions extends SessionOptions {
  readonly data?: string;
}

const examples = `
Examples:
  converge-ledger key
  converge-ledger key demo > demo.vkey
  converge-ledger key demo --data /var/lib/ledger

Whoever checks evidence of a context needs the key of that context, because keys carry the name of what they sign;
the key without a context is that of the node's log of logs. Several lines are keys of before and after a rotation.`;

/** `key [CTX]`: prints verifier keys. */
export function keyCommand(io: CliIo, tools: Tools): Command {
  const command = new Command("key")
    .description("print the verifier keys of a context, or of the node's log of logs, newest first")
    .argument("[CTX]", "the context; without it the log of logs");
  addServerOptions(command).option(
    "--data <DIR>",
    "read the key file of this data directory instead of asking a server",
  );
  addNameOptions(command).addHelpText("after", examples);
  return command.action(async (context: string | undefined, options: KeyOptions) => {
    if (context === "") throw new UsageError("CTX is empty; leave it out for the log of logs");
    const { printKeys, printStoredKeys } = await import("../run/print-keys.ts");
    if (options.data !== undefined) return await printStoredKeys(io, tools, context, options);
    return await withSession(io, options, (session) => printKeys(session, context));
  });
}
