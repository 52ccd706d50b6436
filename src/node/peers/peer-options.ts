/** How connections between nodes are kept. */
export interface PeerTiming {
  /** From the connection to the last proof. */
  readonly handshakeMs: number;
  /** A side that has heard nothing for so long asks if the other is there. */
  readonly pingMs: number;
  /** A connection on which nothing was heard for so long is cut. */
  readonly silentMs: number;
  /** A connection without calls is closed after so long, and a lost one is not sought after any more. */
  readonly idleMs: number;
  /** Between attempts to reach a node: the longest first wait, and the longest. */
  readonly redialMinMs: number;
  readonly redialMaxMs: number;
}

export const peerTiming: PeerTiming = {
  handshakeMs: 3000,
  pingMs: 5000,
  silentMs: 10_000,
  idleMs: 60_000,
  redialMinMs: 100,
  redialMaxMs: 5000,
};

/** Time, as these parts need it. */
export interface PeerClock {
  /** Never goes back. */
  readonly nowMs: () => number;
  /** Calls `ring` once after `afterMs`, unless the returned function is called before. */
  readonly after: (afterMs: number, ring: () => void) => () => void;
}
