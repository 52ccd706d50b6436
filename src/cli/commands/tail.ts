import { Command } from "commander";
import type { LedgerClient } from "../../client/ledger-client.ts";
import type { WatchItem } from "../../client/watch.ts";
import type { CliIo } from "../cli-io.ts";
import { count } from "../read/whole-number.ts";
import { EntryPrinter } from "../render/entry-printer.ts";
import { type Session, type SessionOptions, withSession } from "../session.ts";
import { latestSequence, tailStart } from "../tail-start.ts";
import { addEntryOptions, chosenFormat, type EntryOptions } from "./entry-options.ts";
import { addServerOptions } from "./server-options.ts";

interface TailOptions extends SessionOptions, EntryOptions {
  readonly json?: boolean;
  readonly limit: number;
  readonly follow?: boolean;
}

const examples = `
Examples:
  converge-ledger tail demo
  converge-ledger tail demo -f
  converge-ledger tail demo -n 0 -f --key facts --json

With -f it goes on across restarts of the server, without a gap or a repeat, until Ctrl-C.`;

/** `tail CTX`: prints the last entries, and follows. */
export function tailCommand(io: CliIo): Command {
  const command = new Command("tail")
    .description("print the last entries of a context, and follow it with -f")
    .argument("<CTX>", "the context")
    .option("-n, --limit <N>", "this many of the last entries", count, 10)
    .option("-f, --follow", "wait for new entries and print them");
  addServerOptions(addEntryOptions(command)).addHelpText("after", examples);
  return command.action(async (context: string, options: TailOptions) => {
    await withSession(io, options, async (session) => {
      const { client, signal } = session;
      const range = { key: options.key ?? "", signal };
      const latest = await latestSequence(client, context, signal);
      const after = await tailStart(client, context, { ...range, latest, limit: options.limit });
      if (options.follow) await follow(session, client.watch(context, { ...range, after }), options);
      else await printRange(client.get(context, { ...range, after, limit: options.limit }), io, options);
    });
  });
}

async function printRange(
  entries: ReturnType<LedgerClient["get"]>,
  io: CliIo,
  options: TailOptions,
): Promise<void> {
  const printer = new EntryPrinter(io.stdout, chosenFormat(options));
  for await (const entry of entries) await printer.print(entry);
  await printer.flush();
}

/** Prints entries as they come: in large writes while catching up, then each at once. */
async function follow(
  { io, json }: Session,
  items: AsyncIterable<WatchItem>,
  options: TailOptions,
): Promise<void> {
  const printer = new EntryPrinter(io.stdout, chosenFormat(options));
  let live = false;
  for await (const item of items) {
    switch (item.kind) {
      case "entry":
        await printer.print(item.entry);
        break;
      case "caught-up":
        live = true;
        break;
      case "gap":
        await printer.flush();
        await io.stderr.write(
          notice(json, item.kind, `entries before ${item.nextSequence} are not available any more`),
        );
        break;
      case "reset":
        await printer.flush();
        await io.stderr.write(
          notice(json, item.kind, `the history after ${item.sequence} was replaced; the new one follows`),
        );
        break;
    }
    if (live) await printer.flush();
  }
}

function notice(json: boolean, kind: string, message: string): string {
  return `${json ? JSON.stringify({ notice: kind, message }) : message}\n`;
}
