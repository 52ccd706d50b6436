import type { Cipher } from "./cipher.ts";
import type { Endpoint } from "./endpoint.ts";
import type { NameTable } from "./name-table.ts";
import type { SwimRandom } from "./random.ts";
import type { Timing } from "./timing.ts";
import type { Keyring } from "./wire/keyring.ts";

/** What a node is, and what it is given of the world. */
export interface SwimOptions {
  /** Unique in the cluster; 1 to `limits.memberNameBytesMax` bytes. */
  readonly name: string;
  /** Where others reach it. */
  readonly endpoint: Endpoint;
  /** What it says about itself; at most `limits.memberMetaBytesMax` bytes. */
  readonly meta: Uint8Array;
  /** The first incarnation: Unix seconds, or more if an earlier life went beyond. */
  readonly incarnation: number;
  /** The greatest incarnation that anybody can have come to by now; what is said of greater ones is not heard. */
  readonly incarnationMax?: () => number;
  readonly timing: Timing;
  /** Nodes of another label are not heard; empty for none. At most 255 bytes. */
  readonly label: string;
  /** Empty for plain text. */
  readonly keyring: Keyring;
  readonly cipher: Cipher;
  readonly random: SwimRandom;
  /**
   * Tells by what two nodes say about themselves if they are one node, which then may come back from the dead at another
   * address. Never, unless given.
   */
  readonly isSameNode?: (knownMeta: Uint8Array, meta: Uint8Array) => boolean;
  /**
   * Tells by what another node says about itself why it cannot be a member together with this one; undefined if it can.
   * It never becomes one here, and to join it, or those who have it, fails. Everybody can, unless given.
   */
  readonly refuses?: (meta: Uint8Array) => string | undefined;
  /**
   * Tells by what a node says about itself if it is missed when it is dead, and is a dead member once another node tells of
   * it, even if this one has never seen it. None is, unless given.
   */
  readonly belongsEvenDead?: (meta: Uint8Array) => boolean;
  /** Names and what goes with them; of its own unless given. Nodes of one simulation share it to save memory. */
  readonly names?: NameTable;
}
