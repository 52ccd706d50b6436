import type { ServerConfig } from "../config.ts";
import type { Hasher } from "../core/hasher.ts";
import type { Serve } from "./commands/serve.ts";

/** What commands use of the rest of the program; the entry file hands it in. */
export interface Tools {
  readonly serve: Serve;
  loadHasher(): Promise<Hasher>;
  /**
   * Hashes everything in the data directory of a stopped node anew, and writes nothing there. `result` comes last.
   * Throws an Error that says why if the directory cannot be read or is in use.
   */
  verifyData(directory: string): AsyncIterable<DataStep>;
  /** Makes, rotates or retires the keys of a data directory, also beside a server that runs on it. */
  changeKeys(config: ServerConfig, change: KeyChange): Promise<ChangedKeys>;
  /** Returns the origin of a context's log, or of the log of logs, and its verifier keys as a server with this configuration has them. */
  storedKeys(config: ServerConfig, contextId: string | undefined): Promise<LogKeys>;
}

/** What the verification of a data directory tells on its way. */
export type DataStep =
  /** `total` is the number of entries and head records, 0 as long as it is not known. */
  | { readonly kind: "progress"; readonly verified: number; readonly total: number }
  /** One context, or the log of logs, is done. */
  | { readonly kind: "log"; readonly log: DataLog; readonly size: number; readonly root: Uint8Array }
  /** `sequence` is 0 if it is no single entry. */
  | { readonly kind: "damage"; readonly log: DataLog; readonly sequence: number; readonly detail: string }
  | {
      readonly kind: "result";
      readonly contexts: number;
      readonly entries: number;
      readonly damaged: number;
    };

/** What a finding is about. */
export type DataLog =
  | { readonly kind: "context"; readonly contextId: string }
  /** The node's log of logs. */
  | { readonly kind: "node" }
  /** The file itself. */
  | { readonly kind: "file" };

export type KeyChange = "make" | "rotate" | "retire";

/** The origin of a log and the keys it is signed with, newest first, as signed-note verifier keys. */
export interface LogKeys {
  readonly origin: string;
  readonly keys: readonly string[];
}

export interface ChangedKeys {
  /** What happened; `unchanged` if it was as asked before. */
  readonly outcome: "made" | "rotated" | "retired" | "unchanged";
  /** Of the log of logs; undefined as long as the node has no name, which it gets from its first server. */
  readonly log: LogKeys | undefined;
}
