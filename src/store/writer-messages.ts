/**
 * What the store and the Worker that writes for it say to each other.
 *
 * @module
 */

import type { CommitOutcome, StoreFailure } from "../ledger/ports.ts";
import type { DataPaths } from "./data-directory.ts";
import type { OpenLedgerOptions } from "./open-ledger.ts";
import type { StoreOpenFailure } from "./open-error.ts";

export type WriterRequest =
  | { readonly kind: "open"; readonly paths: DataPaths; readonly options: OpenLedgerOptions }
  | { readonly kind: "commit"; readonly call: number; readonly packed: ArrayBuffer; readonly nextLog: number }
  | { readonly kind: "discard"; readonly call: number; readonly log: number; readonly after: number }
  /** Ends the Worker's work: nothing may follow. */
  | { readonly kind: "close" };

export type WriterReply =
  | { readonly kind: "opened"; readonly nextLog: number }
  | { readonly kind: "open-failed"; readonly failure: StoreOpenFailure; readonly message: string }
  /** Gives the buffer back to be used again. */
  | {
      readonly kind: "committed";
      readonly call: number;
      readonly outcome: CommitOutcome;
      readonly packed: ArrayBuffer;
    }
  | { readonly kind: "discarded"; readonly call: number; readonly more: boolean }
  | {
      readonly kind: "failed";
      readonly call: number;
      readonly failure: StoreFailure;
      readonly message: string;
    }
  /** A failure that no call is waiting for. */
  | { readonly kind: "problem"; readonly message: string }
  | { readonly kind: "closed" };
