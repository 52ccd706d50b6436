/** Why a packet or stream was not read. A closed set: counters have one of each. */
export const refusals = [
  /** It is for another label, or for none, or has one and we have none. */
  "label",
  /** Not sealed, and we have keys. */
  "plain",
  /** Sealed, and none of our keys opens it. */
  "key",
  /** The checksum is another. */
  "crc",
  /** A kind of message that is not known, or not here. */
  "type",
  /** Not what its kind of message looks like. */
  "malformed",
  /** Beyond a bound of `core/limits.ts`, or it would be when expanded. */
  "too-large",
  /** More layers than anybody needs. */
  "too-deep",
  /** Compressed in a way that is not known, or damaged. */
  "compression",
] as const;

export type Refusal = (typeof refusals)[number];
