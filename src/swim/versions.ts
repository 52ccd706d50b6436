/**
 * The six version bytes of a member: least, greatest and current version of memberlist's protocol, and of the
 * application's (the "delegate").
 *
 * @module
 */

/** memberlist's protocol: least, greatest and current, as every member of it announces them. */
const protocol = [1, 5, 2] as const;
/** The application's: any that Serf (2 to 5) or a plain memberlist (0) may want; nothing depends on it here. */
const delegateMin = 0;
const delegateMax = 5;

/** Members that announce at least this answer pings on streams, send nacks, and read checksums. */
export const answersStreamPings = 3;
export const sendsNacks = 4;
export const readsChecksums = 5;

/** Returns what this node announces. */
export function ownVersions(delegateCurrent: number): Uint8Array {
  return new Uint8Array([...protocol, delegateMin, delegateMax, delegateCurrent]);
}

export const defaultDelegate = delegateMax;

/** Returns the greatest version of memberlist's protocol that a member speaks. */
export function protocolMaxOf(versions: Uint8Array): number {
  return versions[1] ?? 0;
}

/** Tells if six bytes are versions at all. */
export function areVersions(versions: Uint8Array): boolean {
  const [min = 0, max = 0] = versions;
  return versions.length === 6 && min > 0 && max > 0 && min <= max;
}

/** Tells if a member moves to whatever version the others speak, as this node does. */
export function isFlexible(versions: Uint8Array): boolean {
  const [min, max, current, leastDelegate, greatestDelegate] = versions;
  const isOwnProtocol = min === protocol[0] && max === protocol[1] && current === protocol[2];
  return isOwnProtocol && leastDelegate === delegateMin && greatestDelegate === delegateMax;
}

/** The versions that all members of a cluster understand. */
export interface VersionRange {
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly delegateMin: number;
  readonly delegateMax: number;
}

export const anyVersions: VersionRange = {
  protocolMin: 0,
  protocolMax: 255,
  delegateMin: 0,
  delegateMax: 255,
};

/** Returns what is left of a range if another member takes part. */
export function narrow(range: VersionRange, versions: Uint8Array): VersionRange {
  const [protocolMin = 0, protocolMax = 0, , leastDelegate = 0, greatestDelegate = 0] = versions;
  return {
    protocolMin: Math.max(range.protocolMin, protocolMin),
    protocolMax: Math.min(range.protocolMax, protocolMax),
    delegateMin: Math.max(range.delegateMin, leastDelegate),
    delegateMax: Math.min(range.delegateMax, greatestDelegate),
  };
}

/** Tells if a member's current versions lie within a range; those of a flexible one may be made to. */
export function fits(range: VersionRange, versions: Uint8Array): boolean {
  const [, , protocolNow = 0, , , delegateNow = 0] = versions;
  if (protocolNow < range.protocolMin || protocolNow > range.protocolMax) return false;
  if (isFlexible(versions)) return range.delegateMin <= range.delegateMax;
  return delegateNow >= range.delegateMin && delegateNow <= range.delegateMax;
}

/** Returns the version of the application to speak in a range: `current` if it fits. */
export function delegateWithin(range: VersionRange, current: number): number {
  return Math.max(range.delegateMin, Math.min(range.delegateMax, current));
}
