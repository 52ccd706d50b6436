/**
 * The file of gossip keys: one key in base64 a line, the first of which seals; blank lines, and lines that begin with `#`,
 * do not count. It is what `serf keygen` and `consul keygen` print, too.
 *
 * @module
 */

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { assert } from "../../core/assert.ts";
import { base64, unbase64 } from "../../core/base64.ts";
import { type ErrorFacts, LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { systemErrorText } from "../../core/system-error-text.ts";

const keySizes: readonly number[] = [16, 24, 32];
const heading = "# Gossip keys: one in base64 a line. The first seals, all open.";

/** Returns the keys of a file, each once, the one that seals first. Throws LedgerError naming the file, never a key. */
export function readGossipKeys(path: string): readonly Uint8Array[] {
  const keys = new Map<string, Uint8Array>();
  for (const [index, line] of readText(path).split("\n").entries()) {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    const key = unbase64(text);
    if (key === undefined) throw invalid(path, `line ${index + 1} is not base64`);
    if (!keySizes.includes(key.length))
      throw invalid(path, `line ${index + 1} has ${key.length} bytes, not ${keySizes.join(", ")}`);
    keys.set(text, key);
  }
  if (keys.size === 0) throw invalid(path, "it has no key");
  if (keys.size > limits.gossipKeysMax)
    throw invalid(path, `it has ${keys.size} keys, more than ${limits.gossipKeysMax}`);
  return [...keys.values()];
}

/**
 * Replaces the keys of a file so that after a crash it has all of the old or all of the new. Throws LedgerError if the
 * file cannot be written, or is given to this node by something that would not know: a link, or a file that is read-only.
 */
export function writeGossipKeys(path: string, keys: readonly Uint8Array[]): void {
  assert(keys.length > 0 && keys.length <= limits.gossipKeysMax, "a keyring has keys, not too many");
  assert(
    keys.every(({ length }) => keySizes.includes(length)),
    "keys have 16, 24 or 32 bytes",
  );
  const written = `${path}.new`;
  try {
    const before = lstatSync(path, { throwIfNoEntry: false });
    if (before !== undefined) requireOwn(path, before);
    // Of a change that was cut off.
    rmSync(written, { force: true });
    writeDurably(written, [heading, ...keys.map(base64), ""].join("\n"));
    renameSync(written, path);
    syncDirectory(dirname(path));
  } catch (error) {
    if (error instanceof LedgerError) throw error;
    removeIfPossible(written);
    throw unwritable(path, systemErrorText(error), "make its directory writable for this user", error);
  }
}

function readText(path: string): string {
  let descriptor: number | undefined;
  try {
    // Without waiting for somebody to write, if it is a pipe.
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw invalid(path, "it is no file");
    requireSecret(path, stat);
    if (stat.size > limits.gossipKeyFileBytesMax)
      throw invalid(path, `it has ${stat.size} bytes, more than ${limits.gossipKeyFileBytesMax}`);
    return readFileSync(descriptor, "latin1");
  } catch (error) {
    if (error instanceof LedgerError) throw error;
    const remedy = "give this user the right to read it, or make one with `converge-ledger keygen --gossip`";
    const text = `${path} cannot be read: ${systemErrorText(error)}`;
    throw keysError(text, { reason: "GOSSIP_KEYS_UNREADABLE", value: path, remedy }, error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** As ssh does: a secret of ours that others can read is no secret. https://man.openbsd.org/ssh#FILES */
function requireSecret(path: string, { uid, mode }: Stats): void {
  if (process.getuid?.() !== uid || (mode & 0o077) === 0) return;
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  const text = `${path} has mode ${shown}: its keys can be used by others than their owner, so they are not used`;
  const remedy = `run chmod 600 ${path}, and replace the keys if anybody may have read them`;
  throw keysError(text, { reason: "GOSSIP_KEYS_EXPOSED", value: path, remedy });
}

/** Throws if a file seems to be somebody else's to change. */
function requireOwn(path: string, stat: Stats): void {
  const remedy = "change the keys where they come from, or give each node a file of its own";
  if (stat.isSymbolicLink()) throw unwritable(path, "it is a link", remedy);
  if (!stat.isFile()) throw unwritable(path, "it is no file", remedy);
  if ((stat.mode & 0o200) === 0) throw unwritable(path, "it is read-only", remedy);
}

function writeDurably(path: string, text: string): void {
  const descriptor = openSync(path, "wx", 0o600);
  try {
    writeFileSync(descriptor, text, "latin1");
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function syncDirectory(directory: string): void {
  if (process.platform === "win32") return;
  const descriptor = openSync(directory, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // What kept it from being written keeps it from being removed.
  }
}

function invalid(path: string, why: string): LedgerError {
  const remedy =
    "write one base64 key of 16, 24 or 32 bytes a line, as `converge-ledger keygen --gossip` does";
  return keysError(`${path} cannot be used: ${why}`, { reason: "GOSSIP_KEYS_INVALID", value: path, remedy });
}

function unwritable(path: string, why: string, remedy: string, cause?: unknown): LedgerError {
  const facts = { reason: "GOSSIP_KEYS_UNWRITABLE", value: path, remedy };
  return keysError(`The gossip keys in ${path} cannot be changed: ${why}`, facts, cause);
}

function keysError(text: string, facts: ErrorFacts, cause?: unknown): LedgerError {
  return new LedgerError("FAILED_PRECONDITION", text, facts, { cause });
}
