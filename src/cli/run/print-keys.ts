import type { KeyOptions } from "../commands/key.ts";
import type { CliIo } from "../cli-io.ts";
import { escapeText } from "../render/escape.ts";
import type { Session } from "../session.ts";
import { loadSettings } from "../settings.ts";
import type { LogKeys, Tools } from "../tools.ts";

/** Prints the verifier keys that the server answers. */
export async function printKeys(
  { client, io, json, signal }: Session,
  contextId: string | undefined,
): Promise<void> {
  const log = contextId === undefined ? { nodeLog: true as const } : { contextId };
  const { origin, verifierKeys } = await client.integrity.verifierKeys(log, { signal });
  await io.stdout.write(keysText({ origin, keys: verifierKeys }, json));
}

/** Prints the verifier keys that a server on a data directory has. */
export async function printStoredKeys(
  io: CliIo,
  tools: Tools,
  contextId: string | undefined,
  options: KeyOptions,
): Promise<void> {
  const { config } = await loadSettings(io, "server", options);
  await io.stdout.write(keysText(await tools.storedKeys(config, contextId), options.json ?? false));
}

/** Returns one key a line, as they are given to who verifies, or the JSON form of GetVerifierKeysResponse. */
function keysText({ origin, keys }: LogKeys, json: boolean): string {
  if (json) return `${JSON.stringify({ origin, verifierKeys: keys })}\n`;
  return keys.map((key) => `${escapeText(key)}\n`).join("");
}
