import { readFile } from "node:fs/promises";
import { LedgerError } from "../../core/errors.ts";
import type { Hasher } from "../../core/hasher.ts";
import { systemErrorText } from "../../core/system-error-text.ts";
import { parseVerifierKey } from "../../core/tlog/verifier-key.ts";
import { UsageError } from "../usage-error.ts";

/** What a value that is a key itself looks like, a good one or not. */
const keyForm = /^[^@\s]\S*\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*$/u;

/**
 * Returns the verifier keys that values of `--key` name: keys, or files with a key on each line, an @ before their names
 * if they look like a key. Empty lines and those that begin with # are skipped. Throws {@link UsageError}.
 */
export async function readKeyOptions(values: readonly string[], hasher: Hasher): Promise<string[]> {
  const keys: string[] = [];
  for (const value of values) {
    // What "converge-ledger key" prints after a rotation has several lines.
    const lines = keyLines(value);
    if (lines.length > 0 && lines.every((line) => keyForm.test(line))) keys.push(...lines);
    else keys.push(...(await readKeyFile(value)));
  }
  for (const key of keys) checkKey(key, hasher);
  return keys;
}

async function readKeyFile(value: string): Promise<string[]> {
  const path = value.startsWith("@") ? value.slice(1) : value;
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    const why = systemErrorText(error);
    throw new UsageError(
      `--key: ${JSON.stringify(value)} is no verifier key (name+hash+key), and as a file it cannot be read: ${why}`,
    );
  });
  const keys = keyLines(text);
  if (keys.length === 0) throw new UsageError(`--key: ${path} has no verifier key`);
  return keys;
}

function keyLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function checkKey(key: string, hasher: Hasher): void {
  try {
    parseVerifierKey(key, hasher);
  } catch (error) {
    throw error instanceof LedgerError ? new UsageError(`--key: ${error.message}`) : error;
  }
}
