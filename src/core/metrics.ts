import type { ErrorCode } from "./errors.ts";

/** What a call asked for: the method's name, as in the proto files, with its service in front where two have one name. */
export type Operation =
  | "Append"
  | "Get"
  | "Snapshot"
  | "Load"
  | "Watch"
  | "AppendBatch"
  | "AppendStream"
  | "SnapshotStream"
  | "LoadStream"
  | "ListContexts"
  | "GetContext"
  | "GetCheckpoint"
  | "GetTreeHead"
  | "ProveInclusion"
  | "ProveConsistency"
  | "ProveContext"
  | "VerifyContext"
  | "GetVerifierKeys"
  | "Members"
  | "WatchMembers"
  | "Join"
  | "Leave"
  | "ForgetMember"
  | "ListGossipKeys"
  | "AddGossipKey"
  | "UseGossipKey"
  | "RemoveGossipKey"
  | "GetContextStatus"
  | "ListContextStatus"
  | "ListForks"
  | "Discovery/Join"
  | "Discovery/Members"
  | "Broadcast";

/** How a call came in. */
export type Protocol = "grpc" | "grpc-web" | "connect" | "sse";

/** How a call ended. `UNKNOWN` is a failure that is no LedgerError. */
export type CallCode = "OK" | "UNKNOWN" | ErrorCode;

/**
 * Takes note of what the server does. Every method is cheap enough for every call and never throws.
 * Nothing here takes a value that a client can choose, so the number of series is bounded.
 */
export interface Metrics {
  /** A call has ended. A stream counts once, with its whole duration. */
  operation(operation: Operation, protocol: Protocol, code: CallCode, seconds: number): void;
  /** A commit is on disk. `syncSeconds` is the part that made it durable. */
  commit(commit: {
    readonly entries: number;
    readonly bytes: number;
    readonly syncSeconds: number;
    readonly totalSeconds: number;
  }): void;
  /** A watch has begun (1) or ended (-1). */
  watcher(protocol: Protocol, change: 1 | -1): void;
  /** A part of the server was started again after a crash. `child` is its path in the supervision tree. */
  childRestarted(child: string): void;
}
