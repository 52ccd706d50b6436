/** Versions of the protocol between nodes, from `min` to `max`. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** The versions that this node speaks; `proto/converge/peer/v1/peer.proto` says how two nodes agree on one. */
export const peerProtocol: VersionRange = { min: 1, max: 1 };

/** Returns the highest version that is in both ranges; undefined if there is none. */
export function commonVersion(one: VersionRange, other: VersionRange): number | undefined {
  const highest = Math.min(one.max, other.max);
  return highest >= Math.max(one.min, other.min) ? highest : undefined;
}
