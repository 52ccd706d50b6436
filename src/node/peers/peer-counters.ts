import type { CallCode } from "../../core/metrics.ts";
import type { PeerCallKind } from "../../sync/peer-messages.ts";
import type { PeerStreamKind } from "./peers.ts";
import { type HandshakeProblem, handshakeProblems } from "./handshake-error.ts";

/** How calls and streams of one kind have ended, by code. */
export type Outcomes = Partial<Record<CallCode, number>>;

/** What the connections between nodes have done since the process began. */
export interface PeerCounters {
  /** Connections that were agreed on: dialled here, and by others. */
  dialled: number;
  accepted: number;
  /** Attempts to connect that failed, for any reason. */
  dialFailures: number;
  /** Handshakes that came to nothing, on either side. */
  readonly refusals: Record<HandshakeProblem, number>;
  /** Connections that were cut because the other side was silent, or did what it may not. */
  silences: number;
  violations: number;
  /** After the handshakes. */
  bytesIn: number;
  bytesOut: number;
  /** Asked of others, and answered to others. */
  readonly asked: Partial<Record<PeerCallKind | PeerStreamKind, Outcomes>>;
  readonly answered: Partial<Record<PeerCallKind | PeerStreamKind, Outcomes>>;
}

export function createPeerCounters(): PeerCounters {
  const refusals = Object.fromEntries(handshakeProblems.map((problem) => [problem, 0]));
  return {
    dialled: 0,
    accepted: 0,
    dialFailures: 0,
    refusals: refusals as Record<HandshakeProblem, number>,
    silences: 0,
    violations: 0,
    bytesIn: 0,
    bytesOut: 0,
    asked: {},
    answered: {},
  };
}

export function countOutcome(
  counts: PeerCounters["asked"],
  kind: PeerCallKind | PeerStreamKind,
  code: CallCode,
): void {
  const outcomes = (counts[kind] ??= {});
  outcomes[code] = (outcomes[code] ?? 0) + 1;
}
