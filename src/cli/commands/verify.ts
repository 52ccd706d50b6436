import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { verifyChoice } from "../read/verify-choice.ts";
import { type SessionOptions, withSession } from "../session.ts";
import type { Tools } from "../tools.ts";
import { addKeyOption } from "./key-options.ts";
import { addServerOptions } from "./server-options.ts";

export interface VerifyOptions extends SessionOptions {
  readonly key?: readonly string[];
  readonly payload?: string;
  readonly file?: boolean;
  readonly context?: boolean;
  readonly node?: boolean;
  readonly data?: string;
  readonly old?: string;
  readonly new?: string;
  readonly proof?: string;
}

const examples = `
Examples:
  converge-ledger verify demo-7.tlog-proof --key ledger.vkey --payload report.pdf
  converge-ledger verify demo
  converge-ledger verify --data /var/lib/ledger
  converge-ledger verify --old monday.checkpoint --new friday.checkpoint --key ledger.vkey

Evidence, and checkpoints with --proof, are verified with nothing but the files and the keys: no server is asked.
A context is verified by its server, which hashes everything stored of it anew; --data does that here, for every
context of a server that is stopped. What does not match is said, and the exit code is 1.`;

/** `verify`: checks evidence, checkpoints, a context or a data directory. */
export function verifyCommand(io: CliIo, tools: Tools): Command {
  const command = new Command("verify")
    .description(
      "verify an evidence file, a context, two checkpoints, or the data directory of a stopped server",
    )
    .argument(
      "[FILE|CTX]",
      "evidence, - for standard input; or a context. What exists and looks like evidence is a file",
    )
    .option("--file", "the argument is a file")
    .option("--context", "the argument is a context")
    .option(
      "--payload <FILE>",
      "with evidence: compare this content with that of the entry; - is standard input",
    );
  addKeyOption(command)
    .option("--node", "verify the node's log of logs on the server")
    .option(
      "--data <DIR>",
      "verify everything in this data directory; its server must be stopped; nothing is written",
    )
    .option("--old <FILE>", "with --new: verify that a log only grew from this saved checkpoint")
    .option("--new <FILE>", "with --old: to this one")
    .option(
      "--proof <FILE>",
      "with --old and --new: what prove --from saved; without it the server is asked",
    );
  addServerOptions(command).addHelpText("after", examples);
  return command.action(async (target: string | undefined, options: VerifyOptions) => {
    const choice = await verifyChoice(target, options);
    switch (choice.kind) {
      case "evidence": {
        const { verifyEvidenceFile } = await import("../run/verify-evidence-file.ts");
        return await verifyEvidenceFile(io, tools, choice, options.json ?? false);
      }
      case "log": {
        const { verifyLog } = await import("../run/verify-log.ts");
        return await withSession(io, options, (session) => verifyLog(session, choice.contextId));
      }
      case "checkpoints": {
        const { verifyCheckpoints } = await import("../run/verify-checkpoints.ts");
        return await verifyCheckpoints(io, tools, { choice, options });
      }
      case "data": {
        const { verifyDirectory } = await import("../run/verify-directory.ts");
        return await verifyDirectory(io, tools, choice.directory, options.json ?? false);
      }
    }
  });
}
