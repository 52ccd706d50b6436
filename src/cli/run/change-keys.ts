import type { ServerConfig } from "../../config.ts";
import type { CliIo } from "../cli-io.ts";
import { escapeText } from "../render/escape.ts";
import type { ChangedKeys, KeyChange, Tools } from "../tools.ts";

export interface ChangeKeys {
  readonly config: ServerConfig;
  readonly change: KeyChange;
  readonly json: boolean;
}

/** Changes the keys of a data directory, and prints its verifier keys, newest first. */
export async function changeKeys(
  io: CliIo,
  tools: Tools,
  { config, change, json }: ChangeKeys,
): Promise<void> {
  const { outcome, log } = await tools.changeKeys(config, change);
  if (json) {
    const named = log === undefined ? {} : { origin: log.origin, verifierKeys: log.keys };
    await io.stdout.write(`${JSON.stringify({ outcome, ...named })}\n`);
    return;
  }
  await io.stdout.write((log?.keys ?? []).map((key) => `${escapeText(key)}\n`).join(""));
  await io.stderr.write(`${outcomeText(change, outcome)}\n`);
  if (log === undefined) await io.stderr.write(`${noName}\n`);
}

const noName =
  "the node has no name yet, so its verifier key cannot be printed: start a server on the directory, or give --node-name";

function outcomeText(change: KeyChange, outcome: ChangedKeys["outcome"]): string {
  switch (outcome) {
    case "made":
      return "made: give the key to those who verify";
    case "rotated":
      return "rotated: checkpoints carry the signature of the first key and of the older ones that still sign; once everybody has the first, use --retire";
    case "retired":
      return "retired: the first key alone signs; the others still verify what they signed";
    case "unchanged":
      return change === "retire"
        ? "unchanged: the newest key alone signs already"
        : "unchanged: there is a key; --rotate adds another";
  }
}
