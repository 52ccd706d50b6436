import { Command, Option } from "commander";
import type { CliIo } from "../cli-io.ts";
import { proofChoice } from "../read/proof-choice.ts";
import { treeSize } from "../read/whole-number.ts";
import { type SessionOptions, withSession } from "../session.ts";
import type { Tools } from "../tools.ts";
import { addOutputOptions, type OutputOptions } from "./output-options.ts";
import { addServerOptions } from "./server-options.ts";

export interface ProveOptions extends SessionOptions, OutputOptions {
  readonly newest?: boolean;
  readonly node?: boolean;
  readonly from?: bigint;
  readonly to?: bigint;
}

const examples = `
Examples:
  converge-ledger prove demo@7 -o demo-7.tlog-proof
  converge-ledger prove demo -o newest.tlog-proof
  converge-ledger prove demo --node -o demo-head.tlog-proof
  converge-ledger prove demo --from 100 --to 250 -o demo-100-250.json

With CTX@SEQ the last @ before digits counts. What the server answers is verified, with the keys it names, before
anything is written. "converge-ledger verify" checks the file offline; give whoever does that the key that
"converge-ledger key CTX" prints, or "converge-ledger key" for a file made with --node.`;

/** `prove CTX@SEQ`: makes evidence of an entry that is checked without a server. */
export function proveCommand(io: CliIo, tools: Tools): Command {
  const command = new Command("prove")
    .description("make evidence that an entry is in a context, in one file that anyone can verify offline")
    .argument("[CTX@SEQ]", "the entry; without @SEQ the newest of the context")
    .option("--newest", "take all of the argument as the context, also an @ and digits at its end")
    .option(
      "--node",
      "prove the newest size and root of the context in the node's log of logs instead of an entry",
    )
    .addOption(
      new Option(
        "--from <N>",
        "prove that the context, or with --node alone the log of logs, only grew from this size on",
      ).argParser(treeSize),
    )
    .addOption(
      new Option("--to <N>", "with --from: up to this size instead of the newest").argParser(treeSize),
    );
  addServerOptions(addOutputOptions(command)).addHelpText("after", examples);
  return command.action(async (name: string | undefined, options: ProveOptions) => {
    const choice = proofChoice(name, options);
    const { prove } = await import("../run/prove.ts");
    await withSession(io, options, (session) => prove(session, tools, { choice, options }));
  });
}
