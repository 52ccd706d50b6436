import { assert } from "../core/assert.ts";
import type { Endpoint } from "./endpoint.ts";
import { sameEndpoint } from "./endpoint.ts";
import { sameBytes } from "../core/snapshot/same-bytes.ts";
import { isFlexible } from "./versions.ts";
import { nodeStatePrefix } from "./wire/encode-message.ts";

/** What a member said about itself last: everything but its state. */
export interface Profile {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly meta: Uint8Array;
  readonly versions: Uint8Array;
  /** The same as text; undefined if they are those of a ledger node, which fit any. */
  readonly strangeVersions: string | undefined;
  /** The part of its state on the wire that does not change. */
  readonly prefix: Uint8Array;
}

export type ProfileParts = Pick<Profile, "endpoint" | "meta" | "versions">;

/**
 * Gives names small numbers, their slots, so that tables of members are arrays; and keeps one copy of equal profiles.
 * The nodes of a simulation share one, for 10,000 nodes that know each other are 100 million members.
 */
export class NameTable {
  readonly #slots = new Map<string, number>();
  readonly #names: (string | undefined)[] = [];
  readonly #uses: number[] = [];
  readonly #free: number[] = [];
  /** The newest profile of each slot. */
  readonly #profiles: (Profile | undefined)[] = [];

  /** Slots are below this. */
  get slotsEnd(): number {
    return this.#names.length;
  }

  /** Returns the slot of a name that somebody holds; -1 if nobody does. */
  find(name: string): number {
    return this.#slots.get(name) ?? -1;
  }

  nameOf(slot: number): string {
    const name = this.#names[slot];
    assert(name !== undefined, "a slot in use has a name");
    return name;
  }

  /** Returns the slot of a name, for one more holder. */
  hold(name: string): number {
    const known = this.#slots.get(name);
    if (known !== undefined) {
      this.#uses[known] = (this.#uses[known] ?? 0) + 1;
      return known;
    }
    const slot = this.#free.pop() ?? this.#names.length;
    this.#slots.set(name, slot);
    this.#names[slot] = name;
    this.#uses[slot] = 1;
    return slot;
  }

  /** Gives a slot back for one holder; it is used anew when the last one did. */
  release(slot: number): void {
    const uses = (this.#uses[slot] ?? 0) - 1;
    assert(uses >= 0, "a slot is released once by each holder");
    this.#uses[slot] = uses;
    if (uses > 0) return;
    this.#slots.delete(this.nameOf(slot));
    this.#names[slot] = undefined;
    this.#profiles[slot] = undefined;
    this.#free.push(slot);
  }

  /** Returns the profile with these parts, of which it keeps no copy that the caller could change. */
  profile(slot: number, parts: ProfileParts): Profile {
    const last = this.#profiles[slot];
    if (last !== undefined && sameParts(last, parts)) return last;
    const name = this.nameOf(slot);
    const { endpoint, meta, versions } = parts;
    const prefix = nodeStatePrefix({ name, ...endpoint, meta, versions });
    const strangeVersions = isFlexible(versions) ? undefined : versions.join(".");
    const profile = { name, endpoint, meta, versions, strangeVersions, prefix };
    this.#profiles[slot] = profile;
    return profile;
  }
}

function sameParts(one: ProfileParts, other: ProfileParts): boolean {
  return (
    sameEndpoint(one.endpoint, other.endpoint) &&
    sameBytes(one.meta, other.meta) &&
    sameBytes(one.versions, other.versions)
  );
}
