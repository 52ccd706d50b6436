import { assert } from "../core/assert.ts";
import type { MemberState } from "../core/member.ts";
import type { NameTable, Profile } from "./name-table.ts";
import type { SwimRandom } from "./random.ts";

/** States as a table keeps them: those of the wire and one more, 0 for names that are no members. */
export const stateCodes = { unknown: 0, alive: 1, suspect: 2, dead: 3, left: 4 } as const;

const stateNames: readonly (MemberState | undefined)[] = [undefined, "alive", "suspect", "dead", "left"];

/** Picks at random are tried so often before the ring is walked. */
const picksMax = 64;
/** The ring holds slots in 16 bits. */
const slotsMax = 65_536;

/**
 * What one node knows of the others, 15 bytes a member: state, incarnation, profile, and a ring in which they are
 * probed one after the other. A member that is dead or left for long is retired: it stays known, but is neither in the
 * ring nor counted.
 */
export class MemberTable {
  readonly names: NameTable;
  readonly #random: SwimRandom;
  #states = new Uint8Array(16);
  #incarnations = new Uint32Array(16);
  readonly #profiles: (Profile | undefined)[] = [];
  #ring = new Uint16Array(16);
  #ringLength = 0;
  #ringAt = 0;
  /** When members that are not alive came to be so. */
  readonly #since = new Map<number, number>();
  readonly #retired = new Set<number>();
  /** How many of those that are alive or suspect have versions of their own. */
  readonly #strangers = new Map<string, { readonly versions: Uint8Array; count: number }>();
  #known = 0;
  #alive = 0;

  constructor(names: NameTable, random: SwimRandom) {
    this.names = names;
    this.#random = random;
  }

  /** Members that count: all but those retired. */
  get size(): number {
    return this.#known - this.#retired.size;
  }

  /** Members of any state, those retired too. */
  get known(): number {
    return this.#known;
  }

  /** Members that are alive or suspect. */
  get active(): number {
    return this.#alive;
  }

  /** Returns the slot of a member of that name; -1 if there is none. */
  find(name: string): number {
    const slot = this.names.find(name);
    return slot === -1 || this.stateOf(slot) === stateCodes.unknown ? -1 : slot;
  }

  stateOf(slot: number): number {
    return this.#states[slot] ?? stateCodes.unknown;
  }

  incarnationOf(slot: number): number {
    return this.#incarnations[slot] ?? 0;
  }

  profileOf(slot: number): Profile {
    const profile = this.#profiles[slot];
    assert(profile !== undefined, "a member has a profile");
    return profile;
  }

  isActive(slot: number): boolean {
    const state = this.stateOf(slot);
    return state === stateCodes.alive || state === stateCodes.suspect;
  }

  isRetired(slot: number): boolean {
    return this.#retired.has(slot);
  }

  /** When a member that is not alive came to be so, in milliseconds of the node's clock. */
  since(slot: number): number | undefined {
    return this.#since.get(slot);
  }

  /** Every member's slot, in the order of slots. */
  *slots(): Generator<number> {
    for (let slot = 0; slot < this.#states.length; slot++)
      if (this.#states[slot] !== stateCodes.unknown) yield slot;
  }

  /** Adds a member as dead and of incarnation 0, at a random place of the ring, and returns its slot. */
  insert(name: string, nowMs: number, inRing: boolean): number {
    const slot = this.names.hold(name);
    assert(slot < slotsMax, "slots fit into the ring");
    this.#makeRoom(slot);
    assert(this.stateOf(slot) === stateCodes.unknown, "a member is added once");
    this.#states[slot] = stateCodes.dead;
    this.#incarnations[slot] = 0;
    this.#since.set(slot, nowMs);
    this.#known++;
    if (inRing) this.#enter(slot);
    return slot;
  }

  setProfile(slot: number, profile: Profile): void {
    if (this.isActive(slot)) this.#countVersions(slot, -1);
    this.#profiles[slot] = profile;
    if (this.isActive(slot)) this.#countVersions(slot, 1);
  }

  /** Versions that members which are alive or suspect have, each once; those of ledger nodes excepted. */
  *strangeVersions(): Generator<Uint8Array> {
    for (const { versions } of this.#strangers.values()) yield versions;
  }

  setState(slot: number, state: number, incarnation: number, nowMs: number): void {
    const before = this.stateOf(slot);
    const wasActive = this.isActive(slot);
    this.#states[slot] = state;
    this.#incarnations[slot] = incarnation;
    const isActive = this.isActive(slot);
    if (isActive !== wasActive) {
      const change = isActive ? 1 : -1;
      this.#alive += change;
      this.#countVersions(slot, change);
    }
    if (isActive && this.#retired.delete(slot)) this.#enter(slot);
    if (state === stateCodes.alive) this.#since.delete(slot);
    else if (state !== before) this.#since.set(slot, nowMs);
  }

  /** Forgets a retired member. */
  remove(slot: number): void {
    assert(this.#retired.delete(slot), "only a retired member is removed");
    this.#states[slot] = stateCodes.unknown;
    this.#profiles[slot] = undefined;
    this.#since.delete(slot);
    this.#known--;
    this.names.release(slot);
  }

  /** Returns the retired member that has been so for longest; undefined if there is none. */
  oldestRetired(): number | undefined {
    for (const slot of this.#retired) return slot;
    return undefined;
  }

  *retired(): Generator<number> {
    yield* this.#retired;
  }

  /**
   * Returns the next member to probe, undefined if the ring is at its end: then those that are dead or left since before
   * `retireBefore` are retired, and the next walk has another order.
   */
  nextInRing(retireBefore: number): number | undefined {
    if (this.#ringAt < this.#ringLength) return this.#ring[this.#ringAt++];
    this.#ringAt = 0;
    let kept = 0;
    for (let at = 0; at < this.#ringLength; at++) {
      const slot = this.#ring[at] as number;
      if (!this.isActive(slot) && (this.#since.get(slot) ?? 0) < retireBefore) this.#retired.add(slot);
      else this.#ring[kept++] = slot;
    }
    this.#ringLength = kept;
    this.#shuffle();
    return undefined;
  }

  /** Length of the ring: others that count. */
  get ringLength(): number {
    return this.#ringLength;
  }

  /** Returns up to `count` different members of the ring that `accepts`, at random. Cost: a few picks each, at worst one walk. */
  pick(count: number, accepts: (slot: number) => boolean): number[] {
    const picked: number[] = [];
    const length = this.#ringLength;
    for (let tries = 0; tries < picksMax && picked.length < count && tries < 3 * length; tries++) {
      const slot = this.#ring[this.#random.below(length)] as number;
      if (!picked.includes(slot) && accepts(slot)) picked.push(slot);
    }
    if (picked.length >= count || length === 0) return picked;
    const start = this.#random.below(length);
    for (let step = 0; step < length && picked.length < count; step++) {
      const slot = this.#ring[(start + step) % length] as number;
      if (!picked.includes(slot) && accepts(slot)) picked.push(slot);
    }
    return picked;
  }

  stateName(slot: number): MemberState {
    const name = stateNames[this.stateOf(slot)];
    assert(name !== undefined, "a member has a state");
    return name;
  }

  #countVersions(slot: number, change: 1 | -1): void {
    const profile = this.#profiles[slot];
    const text = profile?.strangeVersions;
    if (profile === undefined || text === undefined) return;
    const entry = this.#strangers.get(text) ?? { versions: profile.versions, count: 0 };
    entry.count += change;
    assert(entry.count >= 0, "versions are counted once for each member");
    if (entry.count === 0) this.#strangers.delete(text);
    else this.#strangers.set(text, entry);
  }

  #enter(slot: number): void {
    if (this.#ringLength === this.#ring.length) {
      const ring = new Uint16Array(this.#ringLength * 2);
      ring.set(this.#ring);
      this.#ring = ring;
    }
    const end = this.#ringLength++;
    const place = this.#random.below(end + 1);
    const next = this.#ringAt;
    if (place >= next) {
      this.#ring[end] = this.#ring[place] as number;
    } else {
      // Who stood there was probed in this walk, and stays among those that were.
      this.#ring[end] = this.#ring[next] as number;
      this.#ring[next] = this.#ring[place] as number;
      this.#ringAt++;
    }
    this.#ring[place] = slot;
  }

  #shuffle(): void {
    for (let left = this.#ringLength; left > 1; left--) {
      const other = this.#random.below(left);
      const slot = this.#ring[left - 1] as number;
      this.#ring[left - 1] = this.#ring[other] as number;
      this.#ring[other] = slot;
    }
  }

  #makeRoom(slot: number): void {
    if (slot < this.#states.length) return;
    const length = Math.max(slot + 1, this.#states.length * 2, this.names.slotsEnd);
    const states = new Uint8Array(length);
    states.set(this.#states);
    this.#states = states;
    const incarnations = new Uint32Array(length);
    incarnations.set(this.#incarnations);
    this.#incarnations = incarnations;
  }
}
