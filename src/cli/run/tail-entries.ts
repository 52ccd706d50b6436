import type { LedgerClient } from "../../client/ledger-client.ts";
import type { WatchItem } from "../../client/watch.ts";
import type { CliIo } from "../cli-io.ts";
import { chosenFormat } from "../commands/entry-options.ts";
import type { TailOptions } from "../commands/tail.ts";
import { EntryPrinter } from "../render/entry-printer.ts";
import type { Session } from "../session.ts";
import { latestSequence, tailStart } from "./tail-start.ts";

/** Prints the last entries, and with `follow` those to come. */
export async function tailEntries(session: Session, contextId: string, options: TailOptions): Promise<void> {
  const { client, signal } = session;
  const { limit, key = "" } = options;
  const latest = await latestSequence(client, contextId, signal);
  const after = await tailStart(client, contextId, { key, latest, limit, signal });
  if (options.follow) await follow(session, client.watch(contextId, { key, after, signal }), options);
  else await printRange(client.get(contextId, { key, after, limit, signal }), session.io, options);
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
