/**
 * The keys that a node signs its checkpoints with: one file in its data directory, whose text is that of
 * `ed25519-key-text.ts`. It is replaced as a whole, so that whoever reads it, or is killed while changing it, finds all
 * keys of before or all of after.
 *
 * @module
 */

import { generateKeyPairSync, randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { asError } from "../core/as-error.ts";
import { type ErrorFacts, LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { systemErrorText } from "../core/system-error-text.ts";
import type { Clock } from "../ledger/ports.ts";
import {
  formatKeyText,
  KeyTextError,
  type NodeKeySet,
  parseKeyText,
  signingKey,
} from "./ed25519-key-text.ts";
import { withLockFile } from "./node-keys-lock.ts";

/** Name of the key file in a data directory. */
export const nodeKeyFile = "node.key";

export interface NodeKeysOptions {
  /** Of the data directory, which must exist. */
  readonly directory: string;
  /** False if this node has signed before: then a missing file is a loss to be told, not a first start. */
  readonly mayCreate: boolean;
  readonly clock: Pick<Clock, "monotonicMs" | "after">;
}

/** Every method throws LedgerError naming the file. Several processes may use one file. */
export interface NodeKeys {
  readonly path: string;
  /** Returns the keys, at most a second old. */
  current(): NodeKeySet;
  /** Adds a key in front and returns all: from now on checkpoints carry one signature more. */
  rotate(): Promise<NodeKeySet>;
  /** Erases the private halves of all keys but the newest and returns all: only the newest signs from now on. */
  retire(): Promise<NodeKeySet>;
}

const checkEveryMs = 1000;

/** Opens the key file of a data directory, and makes it with one new key if there is none. */
export async function openNodeKeys(options: NodeKeysOptions): Promise<NodeKeys> {
  const { directory, mayCreate, clock } = options;
  const path = join(directory, nodeKeyFile);
  if (mayCreate && identityOf(path) === undefined) {
    await change(path, clock, () =>
      identityOf(path) === undefined ? newestAdded(undefined, path) : undefined,
    );
  }
  let loaded = load(path);
  let checkedMs = clock.monotonicMs();
  return { path, current, rotate, retire };

  function current(): NodeKeySet {
    const nowMs = clock.monotonicMs();
    if (nowMs - checkedMs < checkEveryMs) return loaded.keys;
    if (identityOf(path) !== loaded.identity) loaded = load(path);
    checkedMs = nowMs;
    return loaded.keys;
  }

  async function rotate(): Promise<NodeKeySet> {
    await change(path, clock, () => newestAdded(load(path).keys, path));
    return reload();
  }

  async function retire(): Promise<NodeKeySet> {
    await change(path, clock, () => onlyNewestKept(load(path).keys));
    return reload();
  }

  function reload(): NodeKeySet {
    loaded = load(path);
    checkedMs = clock.monotonicMs();
    return loaded.keys;
  }
}

function newestAdded(keys: NodeKeySet | undefined, path: string): NodeKeySet {
  const { active = [], retired = [] } = keys ?? {};
  if (active.length >= limits.signingKeysMax) {
    throw new LedgerError("FAILED_PRECONDITION", `${path} has ${active.length} keys that sign already`, {
      reason: "NODE_KEYS_TOO_MANY",
      value: active.length,
      limit: limits.signingKeysMax,
      remedy: "retire the old ones with `converge-ledger keygen --retire` first",
    });
  }
  return { active: [signingKey(generateKeyPairSync("ed25519").privateKey), ...active], retired };
}

/** Returns undefined if there is nothing to erase. */
function onlyNewestKept({ active, retired }: NodeKeySet): NodeKeySet | undefined {
  if (active.length === 1) return undefined;
  const erased = active.slice(1).map(({ publicKey }) => publicKey);
  return { active: active.slice(0, 1), retired: [...erased, ...retired] };
}

interface Loaded {
  readonly keys: NodeKeySet;
  readonly identity: string;
}

function load(path: string): Loaded {
  const { text, identity } = readKeyFile(path);
  try {
    return { keys: parseKeyText(text), identity };
  } catch (error) {
    if (!(error instanceof KeyTextError)) throw error;
    const remedy =
      "restore it from a backup, or delete its first line if it was edited by hand; " +
      "if there is none, move the file away and give the new key to all who verify";
    throw keyError(`${path} is damaged: ${error.message}`, { reason: "NODE_KEY_DAMAGED", remedy }, error);
  }
}

function readKeyFile(path: string): { text: string; identity: string } {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, constants.O_RDONLY);
    const stat = fstatSync(descriptor, { bigint: true });
    // As ssh does: a secret of ours that others can read is no secret. https://man.openbsd.org/ssh#FILES
    if (process.getuid?.() === Number(stat.uid) && (stat.mode & 0o077n) !== 0n) {
      const mode = `mode ${(stat.mode & 0o777n).toString(8).padStart(4, "0")}`;
      const text = `${path} has ${mode}: its private keys can be used by others than their owner, so they are not used`;
      const remedy = `run chmod 600 ${path}, and rotate the key if anybody may have read it`;
      throw keyError(text, { reason: "NODE_KEY_EXPOSED", remedy });
    }
    if (stat.size > limits.nodeKeyFileBytesMax) {
      const text = `${path} is damaged: it has ${stat.size} bytes, more than ${limits.nodeKeyFileBytesMax}`;
      throw keyError(text, { reason: "NODE_KEY_DAMAGED", remedy: "restore it from a backup" });
    }
    return { text: readFileSync(descriptor, "latin1"), identity: identityFrom(stat) };
  } catch (error) {
    if (error instanceof LedgerError) throw error;
    if (isMissing(error)) {
      const remedy =
        "restore it from a backup, or make a new key with `converge-ledger keygen` and give it to all who verify";
      throw keyError(`${path} does not exist any more`, { reason: "NODE_KEY_MISSING", remedy }, error);
    }
    throw unreadable(path, error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Returns what changes whenever the file does, undefined if there is none. */
function identityOf(path: string): string | undefined {
  try {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? undefined : identityFrom(stat);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function identityFrom(stat: { ino: bigint; size: bigint; mtimeNs: bigint; mode: bigint }): string {
  return `${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.mode}`;
}

/** Replaces the file by what `next` makes of it, if that is anything, while no other process does so. */
async function change(
  path: string,
  clock: NodeKeysOptions["clock"],
  next: () => NodeKeySet | undefined,
): Promise<void> {
  try {
    // A link to a file elsewhere stays a link.
    const target = identityOf(path) === undefined ? path : realpathSync(path);
    await withLockFile(`${target}.lock`, clock, (isHeld) => {
      removeLeftovers(target);
      const before = identityOf(target);
      const keys = next();
      if (keys !== undefined)
        replaceFile(target, formatKeyText(keys), () => isHeld() && identityOf(target) === before);
    });
  } catch (error) {
    if (error instanceof LedgerError) throw error;
    const text = `${path} cannot be written: ${systemErrorText(error)}`;
    const remedy = "make its directory writable, see that its disk has space, and try again";
    throw keyError(text, { reason: "NODE_KEY_UNWRITABLE", remedy }, error);
  }
}

const newSuffix = ".new";

/** Removes files of changes that were cut off: they hold private keys. */
function removeLeftovers(path: string): void {
  const directory = dirname(path);
  const prefix = `${basename(path)}.`;
  for (const name of readdirSync(directory))
    if (name.startsWith(prefix) && name.endsWith(newSuffix)) rmSync(join(directory, name), { force: true });
}

/** Writes `text` so that after a crash the file has its old content or all of the new. */
function replaceFile(path: string, text: string, mayReplace: () => boolean): void {
  const written = `${path}.${randomBytes(8).toString("hex")}${newSuffix}`;
  try {
    const descriptor = openSync(written, "wx", 0o600);
    try {
      writeFileSync(descriptor, text, "latin1");
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (!mayReplace()) throw new Error("another process changed it at the same time");
    renameSync(written, path);
  } catch (error) {
    rmSync(written, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
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

function isMissing(error: unknown): boolean {
  return "code" in asError(error) && (error as { code: unknown }).code === "ENOENT";
}

function unreadable(path: string, error: unknown): LedgerError {
  const text = `${path} cannot be read: ${systemErrorText(error)}`;
  const remedy = "give this user the right to read it";
  return keyError(text, { reason: "NODE_KEY_UNREADABLE", remedy }, error);
}

function keyError(text: string, facts: ErrorFacts, cause?: unknown): LedgerError {
  return new LedgerError("FAILED_PRECONDITION", text, facts, { cause });
}
