/** Where the nodes of a cluster are, and what can happen to the links between them. */
export interface Network extends AsyncDisposable {
  readonly kind: "namespaces" | "loopback";
  /** Addresses are not loopback: gossip needs a key, listeners need --insecure. */
  readonly isPrivate: boolean;
  place(index: number): Place;
  /** Faults of links; undefined where nodes share one network. The client reaches every node whatever is cut. */
  readonly links: Links | undefined;
}

/** Where one node listens. */
export interface Place {
  readonly host: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly gossipPort: number;
  /** What stands before a command that runs in the node's place. */
  readonly prefix: readonly string[];
}

export interface Links {
  /** Silently drops everything that `from` sends to `to`, connections that exist included. */
  cut(from: number, to: number): Promise<void>;
  mend(from: number, to: number): Promise<void>;
  /** Makes the link between a node and all others slow and lossy. Undefined if gcc is missing. */
  readonly slow: ((index: number, how: SlowLink) => Promise<void>) | undefined;
  /** Ends every fault. */
  heal(): Promise<void>;
}

export interface SlowLink {
  /** Added to every round trip, half of it in each direction. */
  readonly roundTripMs: number;
  /** Share of packets lost in each direction, in thousandths. */
  readonly lossPerMille: number;
}

/** Cuts both directions of every link between the two groups. */
export async function partition(
  links: Links,
  left: readonly number[],
  right: readonly number[],
): Promise<void> {
  const pairs = left.flatMap((a) => right.map((b) => [a, b] as const));
  await Promise.all(pairs.flatMap(([a, b]) => [links.cut(a, b), links.cut(b, a)]));
}
