/**
 * The keys of a data directory without a server, or beside one that runs.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ServerConfig } from "../../config.ts";
import type { Hasher } from "../../core/hasher.ts";
import { contextOrigin } from "../../core/tlog/origin.ts";
import { createCheckpointSigner } from "../../node/checkpoint-signer.ts";
import { nodeKeyFile, type NodeKeys, openNodeKeys } from "../../node/node-keys.ts";
import { createSystemClock } from "../../node/system-clock.ts";
import { dataPaths, fileBytes, prepareDirectory } from "../../store/data-directory.ts";
import { openOfflineStore } from "../../store/offline-store.ts";
import { StoreOpenError } from "../../store/open-error.ts";
import { SqliteReader } from "../../store/sqlite-reader.ts";
import { derivedNodeName } from "../node-signer.ts";

export type KeyConfig = Pick<ServerConfig, "data" | "logName" | "nodeName">;

/** The origin of a log and the keys it is signed with, newest first. */
export interface LogKeys {
  readonly origin: string;
  readonly keys: readonly string[];
}

export interface ChangedKeys {
  readonly outcome: "made" | "rotated" | "retired" | "unchanged";
  /** Undefined as long as the node has no name: it was given none, and no server has run on the directory yet. */
  readonly log: LogKeys | undefined;
}

/** Returns the keys of a context's log, or of the log of logs. Rejects with LedgerError, StoreOpenError or StoreError. */
export async function storedKeys(
  config: KeyConfig,
  contextId: string | undefined,
  hasher: Hasher,
): Promise<LogKeys> {
  const keys = await openKeys(config, false);
  const log = await logKeys(config, { keys, contextId, hasher });
  if (log !== undefined) return log;
  throw new Error(
    `${config.data} has no ledger yet, and its node no name: start a server on it, or give --node-name`,
  );
}

/** Makes, rotates or retires keys. Rejects with LedgerError, StoreOpenError or StoreError. */
export async function changeKeys(
  config: KeyConfig,
  change: "make" | "rotate" | "retire",
  hasher: Hasher,
): Promise<ChangedKeys> {
  const paths = dataPaths(config.data);
  if (change === "make") prepareDirectory(paths);
  const hadKeys = existsSync(join(paths.directory, nodeKeyFile));
  const keys = await openKeys(config, change === "make");
  const outcome = await apply(keys, change, hadKeys);
  return { outcome, log: await logKeys(config, { keys, contextId: undefined, hasher }) };
}

async function apply(
  keys: NodeKeys,
  change: "make" | "rotate" | "retire",
  hadKeys: boolean,
): Promise<ChangedKeys["outcome"]> {
  switch (change) {
    case "make":
      return hadKeys ? "unchanged" : "made";
    case "rotate":
      await keys.rotate();
      return "rotated";
    case "retire":
      if (keys.current().active.length === 1) return "unchanged";
      await keys.retire();
      return "retired";
  }
}

function openKeys({ data }: KeyConfig, mayCreate: boolean): Promise<NodeKeys> {
  return openNodeKeys({ directory: dataPaths(data).directory, mayCreate, clock: createSystemClock() });
}

interface LogChoice {
  readonly keys: NodeKeys;
  readonly contextId: string | undefined;
  readonly hasher: Hasher;
}

async function logKeys(
  { data, logName, nodeName }: KeyConfig,
  { keys, contextId, hasher }: LogChoice,
): Promise<LogKeys | undefined> {
  const name = nodeName ?? (await storedNodeName(data));
  if (name === undefined) return undefined;
  const signer = createCheckpointSigner({ logName: `${logName}/${name}`, keys, hasher });
  // A log that was never replaced is of generation 1.
  const origin = contextId === undefined ? signer.logName : contextOrigin(signer.logName, contextId, 1);
  return { origin, keys: await signer.verifierKeys(origin) };
}

/** Returns the name that is derived from a directory; undefined if it has no ledger yet. */
async function storedNodeName(data: string): Promise<string | undefined> {
  const paths = dataPaths(data);
  if ((fileBytes(paths.ledger) ?? 0) === 0) return undefined;
  try {
    using store = openOfflineStore(data);
    const nodeId = await store.nodeId();
    // A file of an older version gets its id from the first server of this version.
    return nodeId.length === 0 ? undefined : derivedNodeName(nodeId);
  } catch (error) {
    if (!(error instanceof StoreOpenError) || error.kind !== "locked") throw error;
  }
  // A server has it open, so that another reader changes nothing.
  const reader = new SqliteReader(paths.ledger);
  try {
    return derivedNodeName(reader.nodeId());
  } finally {
    reader.close();
  }
}
