import { Command } from "commander";
import { limits } from "../../core/limits.ts";
import type { CliIo } from "../cli-io.ts";
import { metadataPair } from "../read/metadata-pair.ts";
import { count, wholeNumber } from "../read/whole-number.ts";
import type { SessionOptions } from "../session.ts";
import { addServerOptions } from "./server-options.ts";

export interface AppendOptions extends SessionOptions {
  readonly input?: string;
  readonly jsonLines?: boolean;
  readonly meta: Record<string, string>;
  readonly idempotencyKey?: string;
  readonly receivedLamport?: bigint;
  readonly minCopies?: number;
}

const examples = `
Examples:
  converge-ledger append demo facts "hello"
  echo '{"a":1}' | converge-ledger append demo facts -
  converge-ledger append demo traces -i trace.bin --meta agent=planner --meta run=7
  converge-ledger get demo --json | converge-ledger append copy --json-lines`;

/** `append CTX KEY PAYLOAD`: adds one entry, or one for each line of JSON. */
export function appendCommand(io: CliIo): Command {
  const command = new Command("append")
    .description("add an entry to a context, and print its sequence and id")
    .argument("<CTX>", "the context; its first entry makes it")
    .argument("[KEY]", "what kind of entry this is; with --json-lines, for lines that have no key")
    .argument("[PAYLOAD]", "the content as text, or - to read it from standard input")
    .option(
      "-i, --input <FILE>",
      "read the payload, or the lines, from a file, byte for byte; - is standard input",
    )
    .option("--json-lines", "append one entry for each line of JSON; see docs/cli.md")
    .option("--meta <NAME=VALUE>", "metadata; may be repeated", metadataPair, {})
    .option(
      "--idempotency-key <ID>",
      "answer the first entry that was appended with this key, instead of a second one",
    )
    .option(
      "--received-lamport <N>",
      "the Lamport time of what caused this entry",
      wholeNumber(limits.lamportMax),
    )
    .option("--min-copies <N>", "fail unless so many nodes have it on disk", count)
    .addHelpText("after", examples);
  return addServerOptions(command).action(
    async (context: string, key: string | undefined, payload: string | undefined, options: AppendOptions) => {
      const { appendEntries } = await import("../run/append-entries.ts");
      await appendEntries(io, { context, key, payload }, options);
    },
  );
}
