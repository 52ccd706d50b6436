import { chosenFormat } from "../commands/entry-options.ts";
import type { GetOptions } from "../commands/get.ts";
import { EntryPrinter } from "../render/entry-printer.ts";
import type { Session } from "../session.ts";

/** Prints entries in order. */
export async function getEntries(
  { client, io, signal }: Session,
  contextId: string,
  options: GetOptions,
): Promise<void> {
  const { after, limit = Infinity, key = "" } = options;
  const printer = new EntryPrinter(io.stdout, chosenFormat(options));
  for await (const entry of client.get(contextId, { after, limit, key, signal })) await printer.print(entry);
  await printer.flush();
}
