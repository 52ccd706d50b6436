/**
 * The roster: every ledger node of the cluster that joined and has not left, this one included. Death does not shrink
 * it; leaving and being forgotten do. Kept in memory, and in the store so that a restart knows it.
 *
 * @module
 */

import { LedgerError, quote } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import type { Member, MemberState } from "../core/member.ts";
import { utf8Length } from "../core/utf8.ts";
import type { Committer } from "./committer.ts";
import { commitExtras } from "./extras-unit.ts";
import type { Clock, RosterMember, Store } from "./ports.ts";
import { fromStoreError } from "./store-failure.ts";

/** What gossip has to say. */
export interface RosterUpdate {
  /**
   * Members as they are now, all or some, this node among them. Those that are no ledger nodes are passed over. One that
   * left goes off the roster; if this node has left, everyone does, and others count again once it is back.
   */
  readonly members?: readonly Member[];
  /** Node ids to take off the roster. */
  readonly forgotten?: readonly string[];
}

export interface RosterParts {
  readonly store: Pick<Store, "roster">;
  readonly committer: Committer;
  readonly clock: Pick<Clock, "nowNs" | "monotonicMs">;
}

/** How often `lastAliveMs` alone is a reason to write. */
const refreshMs = 60_000;
/** Members of one commit, at most. */
const changesPerCommitMax = 4096;

interface Known {
  member: RosterMember;
  /** Dead until it is seen after a restart. */
  state: MemberState;
  /** What is on disk. */
  savedAliveMs: number;
}

export class Roster {
  readonly #store: RosterParts["store"];
  readonly #committer: Committer;
  readonly #clock: RosterParts["clock"];
  readonly #known = new Map<string, Known>();
  /** The node id that each name was seen with last. */
  readonly #byName = new Map<string, string>();
  /** Node ids whose newest state is not known to be on disk, each with the number of its change. */
  readonly #unsaved = new Map<string, number>();
  #changes = 0;
  #sorted: readonly RosterMember[] | undefined;
  #hasLeft = false;
  #isLoaded = false;
  #refreshedMs = 0;
  #loading: Promise<void> | undefined;
  #saving: Promise<void> | undefined;

  constructor(parts: RosterParts) {
    this.#store = parts.store;
    this.#committer = parts.committer;
    this.#clock = parts.clock;
  }

  /** False until `load` has read what earlier runs knew; an empty roster says nothing before. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Reads the roster of earlier runs unless that was done. Rejects with LedgerError if it cannot be read now. */
  async load(): Promise<void> {
    if (this.#isLoaded) return;
    this.#loading ??= this.#read().finally(() => (this.#loading = undefined));
    await this.#loading;
  }

  /** Returns everyone in the order of their node ids; nobody before it is loaded. */
  members(): readonly RosterMember[] {
    this.#sorted ??= [...this.#known.values()]
      .map(({ member }) => member)
      .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
    return this.#sorted;
  }

  /**
   * Takes up what gossip says, at once if the roster is loaded, and never if it cannot be. Never rejects: resolves with
   * undefined once nothing is left to write, else with what failed, which the next call tries again. New members beyond
   * `membersMax` are refused. `lastAliveMs` alone is written once a minute, and when a member goes or comes back.
   */
  async update({ members = [], forgotten = [] }: RosterUpdate): Promise<LedgerError | undefined> {
    try {
      if (!this.#isLoaded) await this.load();
      for (const nodeId of forgotten) this.#remove(nodeId);
      const refused = this.#take(members);
      this.#refresh();
      if (this.#unsaved.size > 0) await (this.#saving ??= this.#save());
      return refused;
    } catch (error) {
      return fromStoreError(error);
    }
  }

  async #read(): Promise<void> {
    try {
      for (const member of await this.#store.roster()) {
        this.#known.set(member.nodeId, { member, state: "dead", savedAliveMs: member.lastAliveMs });
        this.#byName.set(member.name, member.nodeId);
      }
    } catch (error) {
      throw fromStoreError(error);
    }
    this.#sorted = undefined;
    this.#refreshedMs = this.#clock.monotonicMs();
    this.#isLoaded = true;
  }

  #take(members: readonly Member[]): LedgerError | undefined {
    const self = members.find(({ isSelf }) => isSelf);
    if (self !== undefined) this.#hasLeft = self.state === "left";
    if (this.#hasLeft) {
      for (const nodeId of [...this.#known.keys()]) this.#remove(nodeId);
      return undefined;
    }
    let refused: LedgerError | undefined;
    // A node that was given another name is two members for a while: the one that is gone makes way.
    for (const member of members) if (!isUp(member.state)) refused = this.#takeGone(member) ?? refused;
    for (const member of members) if (isUp(member.state)) refused = this.#takeUp(member) ?? refused;
    return refused;
  }

  /**
   * Takes a member that is dead or has left. A dead one that this node has never seen belongs to the roster too: others know
   * it, and what it keeps is missed. Returns why not if there are too many.
   */
  #takeGone(member: Member): LedgerError | undefined {
    const { tags, name, state, stateSinceMs } = member;
    const { nodeId = "" } = tags;
    const known = this.#known.get(nodeId);
    if (known === undefined && state === "dead" && !this.#byName.has(name)) return this.#add(member);
    if (known === undefined || known.member.name !== name) return undefined;
    if (state === "left") this.#remove(nodeId);
    else if (isUp(known.state)) {
      known.member = aliveUntil(known, Math.min(stateSinceMs, this.#nowMs()));
      known.state = state;
      this.#touch(nodeId);
    }
    return undefined;
  }

  #add(member: Member): LedgerError | undefined {
    const seen = rosterMember(member, this.#nowMs());
    if (seen === undefined) return undefined;
    const { nodeId, name } = seen;
    // Nodes that come and go while nothing can be written count as well.
    if (Math.max(this.#known.size, this.#unsaved.size) >= limits.membersMax) return rosterFull(name);
    this.#replaced(name);
    this.#known.set(nodeId, { member: seen, state: member.state, savedAliveMs: seen.lastAliveMs });
    this.#byName.set(name, nodeId);
    this.#touch(nodeId);
    return undefined;
  }

  /** Takes a member that is alive or suspect; returns why not if there are too many. */
  #takeUp(member: Member): LedgerError | undefined {
    const known = this.#known.get(member.tags.nodeId ?? "");
    if (known === undefined) return this.#add(member);
    const seen = rosterMember(member, this.#nowMs());
    if (seen === undefined) return undefined;
    const { nodeId } = seen;
    // Two that say they are the same node: the first stays until it is gone, so that they do not take turns.
    if (known.member.name !== seen.name && isUp(known.state)) return undefined;
    const { firstSeenMs } = known.member;
    const { lastAliveMs } = member.state === "alive" ? seen : aliveUntil(known, seen.lastAliveMs);
    const isChanged = !isUp(known.state) || !isSamePlace(known.member, seen);
    if (known.member.name !== seen.name) this.#replaced(seen.name);
    known.member = { ...seen, firstSeenMs, lastAliveMs };
    this.#byName.set(seen.name, nodeId);
    known.state = member.state;
    this.#sorted = undefined;
    if (isChanged) this.#touch(nodeId);
    return undefined;
  }

  /** A name belongs to one node at a time: whoever had it before a new one got it lost its data directory. */
  #replaced(name: string): void {
    const before = this.#byName.get(name);
    if (before !== undefined) this.#remove(before);
  }

  #remove(nodeId: string): void {
    const name = this.#known.get(nodeId)?.member.name ?? "";
    if (this.#byName.get(name) === nodeId) this.#byName.delete(name);
    if (this.#known.delete(nodeId)) this.#touch(nodeId);
  }

  #touch(nodeId: string): void {
    this.#changes += 1;
    this.#unsaved.set(nodeId, this.#changes);
    this.#sorted = undefined;
  }

  #refresh(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#refreshedMs < refreshMs) return;
    this.#refreshedMs = nowMs;
    for (const [nodeId, { member, savedAliveMs }] of this.#known) {
      if (member.lastAliveMs !== savedAliveMs) this.#touch(nodeId);
    }
  }

  /** Writes until nothing is left; what changes meanwhile goes with the next commit. */
  async #save(): Promise<void> {
    try {
      while (this.#unsaved.size > 0) await this.#saveSome();
    } finally {
      this.#saving = undefined;
    }
  }

  async #saveSome(): Promise<void> {
    const changes = [...this.#unsaved].slice(0, changesPerCommitMax);
    const put: RosterMember[] = [];
    const remove: string[] = [];
    for (const [nodeId] of changes) {
      const known = this.#known.get(nodeId);
      if (known === undefined) remove.push(nodeId);
      else put.push(known.member);
    }
    await commitExtras(this.#committer, { roster: { put, remove } });
    for (const { nodeId, lastAliveMs } of put) {
      const known = this.#known.get(nodeId);
      if (known !== undefined) known.savedAliveMs = lastAliveMs;
    }
    for (const [nodeId, change] of changes) {
      if (this.#unsaved.get(nodeId) === change) this.#unsaved.delete(nodeId);
    }
  }

  #nowMs(): number {
    return Number(this.#clock.nowNs() / 1_000_000n);
  }
}

/** Returns what the roster has of a member; undefined if it is no ledger node, or says so with more than may be said. */
function rosterMember(
  { name, gossipAddress, state, stateSinceMs, tags }: Member,
  nowMs: number,
): RosterMember | undefined {
  const { nodeId = "", rpcAddress } = tags;
  const { memberNameBytesMax, memberMetaBytesMax } = limits;
  const isBounded =
    utf8Length(name) <= memberNameBytesMax &&
    utf8Length(gossipAddress) <= memberMetaBytesMax &&
    utf8Length(rpcAddress ?? "") <= memberMetaBytesMax;
  if (!/^[0-9a-f]{32}$/.test(nodeId) || !isBounded) return undefined;
  const lastAliveMs = state === "alive" ? nowMs : Math.min(nowMs, stateSinceMs);
  return { nodeId, name, gossipAddress, rpcAddress, firstSeenMs: nowMs, lastAliveMs };
}

/** A suspect may well be alive: to the roster it is. */
function isUp(state: MemberState): boolean {
  return state === "alive" || state === "suspect";
}

/** Returns a member that was alive until `untilMs`, if it was alive when it was last seen. */
function aliveUntil({ member, state }: Known, untilMs: number): RosterMember {
  if (state !== "alive") return member;
  return { ...member, lastAliveMs: Math.max(member.lastAliveMs, untilMs) };
}

function isSamePlace(a: RosterMember, b: RosterMember): boolean {
  return a.name === b.name && a.gossipAddress === b.gossipAddress && a.rpcAddress === b.rpcAddress;
}

function rosterFull(name: string): LedgerError {
  const text = `cannot take ${quote(name)} into the roster: it has room for ${limits.membersMax} nodes`;
  return new LedgerError("RESOURCE_EXHAUSTED", text, {
    reason: "ROSTER_FULL",
    value: name.slice(0, 64),
    limit: limits.membersMax,
    remedy: "forget members that do not come back",
  });
}
