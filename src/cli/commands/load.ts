import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { UsageError } from "../usage-error.ts";
import { addServerOptions } from "./server-options.ts";

export interface LoadOptions extends SessionOptions {
  readonly failIfExists?: boolean;
  readonly expectRoot?: string;
  readonly allowUnverified?: boolean;
}

const examples = `
Examples:
  converge-ledger load copy demo.cls --fail-if-exists
  converge-ledger load demo demo.cls --expect-root 12:9f86d0...
  converge-ledger load demo version1.bin --allow-unverified
  ssh backup 'cat demo.cls' | converge-ledger load demo -`;

/** `load CTX FILE`: restores a snapshot. */
export function loadCommand(io: CliIo): Command {
  const command = new Command("load")
    .description("restore a snapshot of any size; it becomes visible only after all of it is verified")
    .argument("<CTX>", "the context to restore into; one that has entries only ever gets what follows them")
    .argument("<FILE>", "the snapshot; - is standard input")
    .option("--fail-if-exists", "refuse if the context has entries")
    .option("--expect-root <ENTRIES:ROOT>", "refuse any other snapshot", rootText)
    .option("--allow-unverified", "accept a version 1 snapshot, which carries no root");
  addServerOptions(command).addHelpText("after", examples);
  return command.action(async (context: string, file: string, options: LoadOptions) => {
    const { loadSnapshot } = await import("../run/load-snapshot.ts");
    await withSession(io, options, (session) => loadSnapshot(session, { contextId: context, file, options }));
  });
}

function rootText(text: string): string {
  if (/^\d+:[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  throw new UsageError(`${JSON.stringify(text)} is not ENTRIES:ROOT with a root of 64 hexadecimal digits`);
}
