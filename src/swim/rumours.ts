import { quote } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { sameBytes } from "../core/snapshot/same-bytes.ts";
import type { Effect } from "./effect.ts";
import { type Endpoint, normalAddress, sameEndpoint } from "./endpoint.ts";
import type { Gossiper } from "./gossiper.ts";
import { memberView } from "./member-view.ts";
import { stateCodes } from "./member-table.ts";
import { notDead, notFound } from "./member-refusals.ts";
import { Moves } from "./moves.ts";
import type { NodeContext } from "./node-context.ts";
import type { Profile } from "./name-table.ts";
import { suspicionTimeout } from "./scaling.ts";
import { Suspicion } from "./suspicion.ts";
import type { VersionAgreement } from "./version-agreement.ts";
import { areVersions, defaultDelegate, ownVersions } from "./versions.ts";
import { encodeMessage } from "./wire/encode-message.ts";
import type { Alive, Dead, Suspect } from "./wire/messages.ts";

/** The greatest a member can announce. Accusations are of less, because who is accused must be able to contradict. */
const incarnationMax = 0xffff_fff0;
/** Members that count their incarnations from 1, as memberlist does, stay below this; ledger nodes begin with Unix seconds. */
const countedIncarnationsMax = 1_000_000;

type Change = Extract<Effect, { kind: "member" }>["change"];

/**
 * What is said about members, and what becomes of it: the rules of
 * [memberlist](https://github.com/hashicorp/memberlist/blob/master/state.go) for alive, suspect and dead. At equal
 * incarnations left beats dead beats suspect beats alive. Beyond memberlist: who is accused is told at once, so that it
 * can contradict within a round trip; and a dead member can be taken for one that left, by forgetting it.
 */
export class Rumours {
  readonly #node: NodeContext;
  readonly #gossiper: Gossiper;
  readonly #versions: VersionAgreement;
  readonly #suspicions = new Map<number, Suspicion>();
  /** Members that left because somebody forgot them. */
  readonly #forgotten = new Set<number>();
  /** Members that left, of which this node knows from another that knew them. */
  readonly #hearsay = new Set<number>();
  /** When an accuser was last told that it is wrong, by its slot. */
  readonly #answeredMs = new Map<number, number>();
  readonly #moves = new Moves();

  constructor(node: NodeContext, gossiper: Gossiper, versions: VersionAgreement) {
    this.#node = node;
    this.#gossiper = gossiper;
    this.#versions = versions;
  }

  isForgotten(slot: number): boolean {
    return this.#forgotten.has(slot);
  }

  alive(message: Alive): void {
    const { self, counters } = this.#node;
    const { node: name, incarnation } = message;
    if (!isPossible(message) || incarnation > this.#incarnationMax) {
      counters.invalidMessages++;
      return;
    }
    const endpoint = this.#endpointOf(message);
    if (name === self.name) return this.#aliveAboutSelf(message, endpoint);

    const known = this.#node.table.find(name);
    if (known !== -1 && !this.#mayMove(known, message, endpoint)) return;
    const { table } = this.#node;
    const moves = known !== -1 && !sameEndpoint(table.profileOf(known).endpoint, endpoint);
    if (known !== -1 && incarnation <= table.incarnationOf(known) && !moves) return;
    if ((known === -1 || !table.isActive(known)) && !this.#areUnderstood(message)) return;
    if (this.#isRefused(message)) return;
    if (known === -1 && !this.#makeRoom()) return;
    const slot = known === -1 ? table.insert(name, this.#node.nowMs, true) : known;
    this.#accept(slot, message, endpoint, known === -1);
  }

  suspect(message: Suspect): void {
    const { node: name, incarnation, from } = message;
    if (!this.#isPlausible(incarnation)) return;
    const { self, table } = this.#node;
    if (name === self.name) return this.#accused("suspect", incarnation, from);
    const slot = table.find(name);
    if (slot === -1 || incarnation < table.incarnationOf(slot)) return;
    const suspicion = this.#suspicions.get(slot);
    if (suspicion !== undefined) return this.#confirm(slot, suspicion, message);
    if (table.stateOf(slot) === stateCodes.alive) this.#beginSuspicion(slot, message);
    else this.#learnIncarnation(slot, incarnation);
  }

  dead(message: Dead): void {
    const { node: name, incarnation, from } = message;
    if (!this.#isPlausible(incarnation)) return;
    const { self, table } = this.#node;
    const isLeaving = from === name;
    if (name === self.name) return this.#accused(isLeaving ? "left" : "dead", incarnation, from);
    const slot = table.find(name);
    if (slot === -1 || incarnation < table.incarnationOf(slot)) return;
    const before = table.stateOf(slot);
    if (before === stateCodes.left || (before === stateCodes.dead && !isLeaving))
      return this.#learnIncarnation(slot, incarnation);
    this.#suspicions.delete(slot);
    table.setState(slot, isLeaving ? stateCodes.left : stateCodes.dead, incarnation, this.#node.nowMs);
    this.#passOn(slot, message);
    if (!isLeaving) this.#node.counters.deaths++;
    const isForgotten = before === stateCodes.dead;
    this.#changed(slot, isForgotten ? "forgotten" : isLeaving ? "left" : "died");
    if (isForgotten) this.#forgotten.add(slot);
    else this.#tell(slot, message);
  }

  /** Takes note of a member of an earlier life, as dead until it shows itself. */
  remember(name: string, endpoint: Endpoint, meta: Uint8Array): void {
    this.#insertDead(name, endpoint, meta);
  }

  /**
   * Takes note of a member that is not there, of which another node tells and this one has never heard: as dead until it shows
   * itself, or as one that left, so that nobody who missed that takes it for dead. Beyond memberlist, which drops both: who
   * joins knows who is missing.
   */
  gone(state: Alive, hasLeft: boolean): void {
    const { options, table, nowMs } = this.#node;
    const { node: name, meta, incarnation } = state;
    if (options.belongsEvenDead?.(meta) !== true || options.refuses?.(meta) !== undefined) return;
    if (!isPossible(state) || !this.#isPlausible(incarnation)) return;
    // Nobody makes room for one that is no member any more.
    if (hasLeft && table.known >= limits.membersMax - 1) return;
    const slot = this.#insertDead(name, this.#endpointOf(state), meta);
    if (slot === undefined) return;
    if (!hasLeft) return this.#changed(slot, "died");
    table.setState(slot, stateCodes.left, incarnation, nowMs);
    this.#hearsay.add(slot);
  }

  /** True for members of which another node told that they left: told on, they would be remembered for ever. */
  isHearsay(slot: number): boolean {
    return this.#hearsay.has(slot);
  }

  /** Takes a dead member for one that left, here and everywhere. Throws LedgerError MEMBER_NOT_FOUND, MEMBER_NOT_DEAD. */
  forget(name: string): void {
    const { table, self } = this.#node;
    const slot = table.find(name);
    if (name === self.name || (slot !== -1 && table.isActive(slot))) throw notDead(name);
    if (slot === -1 || this.#forgotten.has(slot)) throw notFound(name);
    const incarnation = table.incarnationOf(slot);
    if (table.stateOf(slot) === stateCodes.dead)
      return this.dead({ kind: "dead", node: name, incarnation, from: name });
    this.#changed(slot, "forgotten");
    this.#forgotten.add(slot);
  }

  /** Declares a suspect dead if its time is up, and `token` is that of the timer that counts. */
  suspicionOver(slot: number, token: number): void {
    const suspicion = this.#suspicions.get(slot);
    if (suspicion === undefined || suspicion.token !== token) return;
    const { table, self, nowMs } = this.#node;
    const left = suspicion.remainingMs(nowMs);
    if (left > 0) {
      suspicion.token = this.#node.outbox.timer("suspicion", left, slot);
      return;
    }
    const incarnation = table.incarnationOf(slot);
    this.dead({ kind: "dead", node: table.names.nameOf(slot), incarnation, from: self.name });
  }

  /** Announces this node as it is now, under a new incarnation, unless it is on its way out. */
  announce(): void {
    if (this.#node.self.standing !== "member") return;
    this.#node.self.incarnation++;
    this.#broadcastSelf();
  }

  /** Takes note that a member's slot is used no more. */
  removed(slot: number): void {
    this.#forgotten.delete(slot);
    this.#hearsay.delete(slot);
    this.#answeredMs.delete(slot);
    this.#suspicions.delete(slot);
    this.#moves.removed(slot);
  }

  /** Returns the new slot; undefined if there is a member of that name, or no room for one. */
  #insertDead(name: string, endpoint: Endpoint, meta: Uint8Array): number | undefined {
    const { table, self, nowMs } = this.#node;
    if (name === self.name || table.find(name) !== -1 || !this.#makeRoom()) return undefined;
    const slot = table.insert(name, nowMs, true);
    const versions = ownVersions(defaultDelegate);
    table.setProfile(slot, table.names.profile(slot, { endpoint, meta, versions }));
    return slot;
  }

  #isRefused({ node: name, meta }: Alive): boolean {
    const { options, outbox } = this.#node;
    const reason = options.refuses?.(meta);
    if (reason !== undefined) outbox.notice({ kind: "member-refused", name, reason });
    return reason !== undefined;
  }

  #aliveAboutSelf(message: Alive, endpoint: Endpoint): void {
    const { self, counters, outbox } = this.#node;
    const isElsewhere = !sameEndpoint(endpoint, self.endpoint);
    if (isElsewhere) {
      counters.nameConflicts++;
      outbox.notice({ kind: "name-conflict", name: self.name, known: self.endpoint, other: endpoint });
    }
    const { incarnation } = message;
    const isSame =
      !isElsewhere && sameBytes(message.meta, self.meta) && sameBytes(message.versions, self.versions);
    if (incarnation < self.incarnation || (incarnation === self.incarnation && isSame)) return;
    if (this.#isPlausible(incarnation)) this.#accused("alive", incarnation, self.name);
  }

  /** Contradicts, unless this node is on its way out. What was contradicted before is so again to the one who says it. */
  #accused(accusation: "suspect" | "dead" | "left" | "alive", incarnation: number, from: string): void {
    const { self, awareness, counters, outbox } = this.#node;
    if (self.standing !== "member") return;
    if (incarnation < self.incarnation) return this.#answerAccuser(from);
    self.incarnation = incarnation + 1;
    awareness.change(1);
    counters.refutations++;
    outbox.notice({ kind: "refuted", accusation, from });
    this.#broadcastSelf();
  }

  /**
   * It has not heard the contradiction: beyond memberlist, which lets it wait for what others pass on. Once in each interval of
   * gossip, however many pass the accusation on.
   */
  #answerAccuser(name: string): void {
    const { table, self, nowMs, options } = this.#node;
    const slot = table.find(name);
    if (slot === -1 || !table.isActive(slot)) return;
    const sinceMs = nowMs - (this.#answeredMs.get(slot) ?? Number.NEGATIVE_INFINITY);
    if (sinceMs < options.timing.gossipIntervalMs) return;
    this.#answeredMs.set(slot, nowMs);
    this.#gossiper.sendAlone(slot, table.profileOf(slot).endpoint, self.alive());
  }

  #broadcastSelf(): void {
    this.#gossiper.broadcast(encodeMessage(this.#node.self.alive()), selfSubject);
  }

  /** Tells if a known member may be where a message says it is. */
  #mayMove(slot: number, { incarnation, meta }: Alive, other: Endpoint): boolean {
    const { table, options, counters, outbox } = this.#node;
    const { name, endpoint: known, meta: knownMeta } = table.profileOf(slot);
    if (sameEndpoint(known, other)) return true;
    const isNewer = incarnation > table.incarnationOf(slot);
    const state = table.stateOf(slot);
    if (state === stateCodes.left) return isNewer || incarnation < countedIncarnationsMax;
    if (state === stateCodes.dead && isNewer && options.isSameNode?.(knownMeta, meta) === true) return true;
    counters.nameConflicts++;
    outbox.notice({ kind: "name-conflict", name, known, other });
    return isNewer && this.#moves.wasAt(slot, other, this.#node.nowMs);
  }

  /** Tells if all members understand the versions of one that comes, or comes back. */
  #areUnderstood({ versions, node: name }: Alive): boolean {
    const refusal = this.#versions.refusal([versions]);
    if (refusal === undefined) return true;
    this.#node.counters.versionsRefused++;
    this.#node.outbox.notice({ kind: "versions-refused", reason: `member ${quote(name)}: ${refusal}` });
    return false;
  }

  /** Forgets a retired member if there are too many; false if all of them still count. */
  #makeRoom(): boolean {
    const { table } = this.#node;
    if (table.known < limits.membersMax - 1) return true;
    const oldest = table.oldestRetired();
    if (oldest === undefined) return false;
    table.remove(oldest);
    this.removed(oldest);
    return true;
  }

  #accept(slot: number, message: Alive, endpoint: Endpoint, isNew: boolean): void {
    const { table, nowMs } = this.#node;
    const { meta, versions, incarnation } = message;
    const before = table.stateOf(slot);
    const profile = table.names.profile(slot, { endpoint, meta, versions });
    const isChanged = isNew || !isSameProfile(table.profileOf(slot), profile);
    this.#suspicions.delete(slot);
    this.#forgotten.delete(slot);
    this.#hearsay.delete(slot);
    if (!isNew) this.#move(slot, message, endpoint);
    table.setProfile(slot, profile);
    table.setState(slot, stateCodes.alive, incarnation, nowMs);
    this.#passOn(slot, { ...message, ...endpoint });
    if (before === stateCodes.dead || before === stateCodes.left) this.#changed(slot, "joined");
    else if (isChanged) this.#changed(slot, "updated");
    else if (before === stateCodes.suspect) this.#changed(slot, "recovered");
    if (isNew || isChanged) this.#versions.adapt(versions, () => this.announce());
  }

  /** Tells whoever may still be where a member was that it is said to be somewhere else, so that it can contradict. */
  #move(slot: number, message: Alive, to: Endpoint): void {
    const { table, options, nowMs } = this.#node;
    const from = table.profileOf(slot).endpoint;
    if (sameEndpoint(from, to)) return;
    const forMs = options.timing.gossipToTheDeadMs;
    const left = this.#moves.moved(slot, { from, to }, { nowMs, forMs });
    if (left !== undefined) this.#gossiper.sendAlone(slot, left, { ...message, ...to });
  }

  #beginSuspicion(slot: number, message: Suspect): void {
    const { table, options, clusterSize, nowMs, outbox, counters } = this.#node;
    const { suspicionMult, suspicionMaxTimeoutMult, probeIntervalMs } = options.timing;
    const minMs = suspicionTimeout(suspicionMult, clusterSize, probeIntervalMs);
    // With fewer others than confirmations are wanted, none will come.
    const wanted = suspicionMult - 2;
    const confirmationsMax = clusterSize - 2 < wanted ? 0 : wanted;
    const times = { confirmationsMax, minMs, maxMs: minMs * suspicionMaxTimeoutMult };
    table.setState(slot, stateCodes.suspect, message.incarnation, nowMs);
    counters.suspicions++;
    const suspicion = new Suspicion(times, message.from, nowMs, 0);
    suspicion.token = outbox.timer("suspicion", suspicion.remainingMs(nowMs), slot);
    this.#suspicions.set(slot, suspicion);
    this.#passOn(slot, message);
    this.#changed(slot, "suspected");
    this.#tell(slot, message);
  }

  #confirm(slot: number, suspicion: Suspicion, message: Suspect): void {
    if (!suspicion.confirm(message.from)) return;
    this.#passOn(slot, message);
    const left = Math.max(0, suspicion.remainingMs(this.#node.nowMs));
    suspicion.token = this.#node.outbox.timer("suspicion", left, slot);
  }

  /** A member that is not there stays so, and comes back only beyond every incarnation that anybody has seen it die with. */
  #learnIncarnation(slot: number, incarnation: number): void {
    const { table, nowMs } = this.#node;
    if (incarnation > table.incarnationOf(slot))
      table.setState(slot, table.stateOf(slot), incarnation, nowMs);
  }

  /** Tells a member what is said about it: with luck it is not so. */
  #tell(slot: number, message: Suspect | Dead): void {
    this.#gossiper.sendAlone(slot, this.#node.table.profileOf(slot).endpoint, message);
  }

  #passOn(slot: number, message: Alive | Suspect | Dead): void {
    this.#gossiper.broadcast(encodeMessage(message), slot);
  }

  #changed(slot: number, change: Change): void {
    this.#node.outbox.push({ kind: "member", change, member: memberView(this.#node.table, slot) });
  }

  get #incarnationMax(): number {
    return Math.min(incarnationMax, this.#node.options.incarnationMax?.() ?? incarnationMax);
  }

  /** Tells if somebody can be accused of this incarnation. */
  #isPlausible(incarnation: number): boolean {
    if (incarnation < this.#incarnationMax) return true;
    this.#node.counters.invalidMessages++;
    return false;
  }

  /** [Port 0 is that of the receiver.](https://github.com/hashicorp/memberlist/blob/master/net.go) */
  #endpointOf({ address, port }: Alive): Endpoint {
    return { address: normalAddress(address), port: port === 0 ? this.#node.self.endpoint.port : port };
  }
}

/** Broadcasts about this node itself; slots are never negative. */
export const selfSubject = -1;

function isPossible({ node, address, port, meta, versions, incarnation }: Alive): boolean {
  return (
    node.length > 0 &&
    node.length <= limits.memberNameBytesMax &&
    (address.length === 4 || address.length === 16) &&
    port <= 65_535 &&
    meta.length <= limits.memberMetaBytesMax &&
    areVersions(versions) &&
    incarnation <= incarnationMax
  );
}

function isSameProfile(one: Profile, other: Profile): boolean {
  if (one === other) return true;
  return (
    sameEndpoint(one.endpoint, other.endpoint) &&
    sameBytes(one.meta, other.meta) &&
    sameBytes(one.versions, other.versions)
  );
}
