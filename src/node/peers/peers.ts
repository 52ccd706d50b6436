import type { PeerCallKind, PeerCalls } from "../../sync/peer-messages.ts";

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** The other nodes, by node id. */
export interface Peers {
  /**
   * Asks a node, and resolves with its answer. Rejects with the LedgerError that the other node answered with; with UNAVAILABLE
   * PEER_UNREACHABLE if it was not reached, so that nothing was done; with UNAVAILABLE PEER_LOST if the connection broke
   * before it answered; with PEER_BUSY if too much is under way, so that nothing was done; with DEADLINE_EXCEEDED
   * PEER_TIMEOUT after `timeoutMs`; with CANCELLED PEER_CANCELLED when `signal` fires.
   */
  call<Kind extends PeerCallKind>(
    nodeId: string,
    kind: Kind,
    request: PeerCalls[Kind]["request"],
    options: CallOptions,
  ): Promise<PeerCalls[Kind]["answer"]>;
  /**
   * Opens a stream of messages that another node sends until it or the caller ends it. Back-pressure reaches the sender.
   * `kind` and `body` are for the handler there. Throws what `call` rejects with.
   */
  open(
    nodeId: string,
    kind: PeerStreamKind,
    body: Uint8Array,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
}

export type PeerStreamKind = "watch" | "snapshot" | "group";

/** What a node does for others. Methods reject with LedgerError. */
export interface PeerHandlers {
  call<Kind extends PeerCallKind>(
    fromNodeId: string,
    kind: Kind,
    request: PeerCalls[Kind]["request"],
    signal: AbortSignal,
  ): Promise<PeerCalls[Kind]["answer"]>;
  open(
    fromNodeId: string,
    kind: PeerStreamKind,
    body: Uint8Array,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
}
