import type { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { groupFull, tooManyGroups, tooManySeats } from "./group-errors.ts";
import type { GroupEvent, GroupMember } from "./groups.ts";
import type { AnnounceItem, AnnounceRefusal, GroupNews } from "./peer-messages.ts";

/** What a stream of a member hears. Must not throw; may call back. */
export interface SeatSink {
  event(event: { readonly kind: "joined"; readonly members: readonly GroupMember[] } | GroupEvent): void;
  /** Nothing follows. */
  ended(error: LedgerError): void;
}

/** One stream of a member that is connected to this node. */
export interface LocalSeat {
  readonly contextId: string;
  readonly memberId: string;
}

interface Seat extends LocalSeat {
  member: GroupMember;
  readonly sink: SeatSink;
  /** The announcement that told the home of it. */
  announced: number | undefined;
  /** It hears what happens. */
  isIn: boolean;
}

interface Group {
  /** By member, in the order in which they came. */
  readonly seats: Map<string, Set<Seat>>;
  home: string | undefined;
  /** Since when somebody waits for a home. */
  waitingSinceMs: number | undefined;
  /** How often one home after the other said that it is none. */
  refusals: number;
}

export interface GroupSeatsParts {
  /** A home has to be told something about a group. */
  readonly onWork: (home: string, contextId: string) => void;
  /**
   * A home that has been told of members keeps their group no more, as far as this node knows. It is to be told so, but not at
   * once: it need not be the last to know, and the members have not left.
   */
  readonly onFormer: (home: string, contextId: string) => void;
  /** A home has said, for the nth time in a row, that it is not the home of a group. */
  readonly onMoved: (contextId: string, refusals: number) => void;
}

/**
 * The members that are connected to this node, where their groups are kept, and what the homes know of them. What a home has
 * to be told follows from that, so nothing is queued. It knows no sockets and no clock.
 */
export class GroupSeats {
  readonly #parts: GroupSeatsParts;
  readonly #groups = new Map<string, Group>();
  /** Groups by home: those that are there, and those of which it has been told. */
  readonly #at = new Map<string, Set<string>>();
  /** Members that homes have been told of. */
  readonly #told = new Map<string, Map<string, Set<string>>>();

  constructor(parts: GroupSeatsParts) {
    this.#parts = parts;
  }

  /** Groups with members here. */
  contextIds(): readonly string[] {
    return [...this.#groups.keys()];
  }

  homeOf(contextId: string): string | undefined {
    return this.#groups.get(contextId)?.home;
  }

  /** Groups that concern a home. */
  contextsAt(home: string): ReadonlySet<string> {
    return new Set([...(this.#at.get(home) ?? []), ...(this.#told.get(home)?.keys() ?? [])]);
  }

  /** True if a home need not be spoken to. */
  isIdle(home: string): boolean {
    return !this.#at.has(home) && !this.#told.has(home);
  }

  /** Takes one more stream, and ends the oldest of a member that has too many here. */
  add(contextId: string, member: GroupMember, sink: SeatSink, nowMs: number): LocalSeat {
    const group = this.#groups.get(contextId) ?? newGroup();
    this.#groups.set(contextId, group);
    const { memberId } = member;
    const seat: Seat = { contextId, memberId, member, sink, announced: undefined, isIn: false };
    const seats = group.seats.get(memberId) ?? new Set();
    group.seats.set(memberId, seats.add(seat));
    group.waitingSinceMs ??= nowMs;
    const [oldest] = seats;
    if (seats.size > limits.groupStreamsPerMemberMax && oldest !== undefined)
      this.#end(oldest, tooManySeats());
    if (group.home !== undefined) this.#parts.onWork(group.home, contextId);
    return seat;
  }

  /** A stream is over. Twice is once. */
  remove(seat: LocalSeat): void {
    const { contextId, memberId } = seat;
    const group = this.#groups.get(contextId);
    const seats = group?.seats.get(memberId);
    if (group === undefined || seats?.delete(seat as Seat) !== true) return;
    if (group.waitingSinceMs !== undefined && seatsOf(group).every(({ isIn }) => isIn))
      group.waitingSinceMs = undefined;
    if (seats.size > 0) return;
    group.seats.delete(memberId);
    const { home } = group;
    if (group.seats.size === 0) {
      this.#place(contextId, group, undefined);
      this.#groups.delete(contextId);
    }
    if (home !== undefined) this.#parts.onWork(home, contextId);
  }

  /** A group is at home at another node, or nowhere. */
  place(contextId: string, home: string | undefined, nowMs: number): void {
    const group = this.#groups.get(contextId);
    if (group === undefined || group.home === home) return;
    const former = group.home;
    this.#place(contextId, group, home);
    reset(group, nowMs);
    if (former !== undefined && this.#told.get(former)?.has(contextId) === true)
      this.#parts.onFormer(former, contextId);
    if (home !== undefined) this.#parts.onWork(home, contextId);
  }

  /** Returns what a home has to be told of a group, at most about `membersMax` members; takes it for told. */
  announce(home: string, contextId: string, number: number, membersMax: number): AnnounceItem | undefined {
    const group = this.#groups.get(contextId);
    const seats = group?.home === home ? group.seats : noSeats;
    const told = this.#told.get(home)?.get(contextId) ?? new Set<string>();
    const leaves = [...told].filter((memberId) => !seats.has(memberId)).slice(0, membersMax);
    const joins: GroupMember[] = [];
    for (const ofMember of seats.values()) {
      if (joins.length + leaves.length >= membersMax) break;
      const fresh = [...ofMember].filter(({ announced }) => announced === undefined);
      const newest = fresh.at(-1);
      if (newest === undefined) continue;
      joins.push(newest.member);
      for (const seat of fresh) seat.announced = number;
    }
    for (const memberId of leaves) told.delete(memberId);
    for (const { memberId } of joins) told.add(memberId);
    this.#setTold(home, contextId, told);
    return joins.length + leaves.length === 0 ? undefined : { contextId, joins, leaves };
  }

  /** A home has answered an announcement. */
  refused(home: string, number: number, refusal: AnnounceRefusal, nowMs: number): void {
    const { kind, contextId } = refusal;
    if (kind === "not-home") return this.#moved(home, contextId, nowMs);
    const { memberId } = refusal;
    this.#untell(home, contextId, memberId);
    const group = this.#groups.get(contextId);
    if (group?.home !== home) return;
    for (const seat of [...(group.seats.get(memberId) ?? [])])
      if (seat.announced === number)
        this.#end(seat, kind === "full" ? groupFull(contextId) : tooManyGroups());
  }

  /** A home tells something. What it tells of groups that are elsewhere is dropped, so nothing is heard twice. */
  news(home: string, news: GroupNews, nowMs: number): void {
    const { contextId } = news;
    if (news.kind === "moved") return this.#moved(home, contextId, nowMs);
    const group = this.#groups.get(contextId);
    if (group?.home !== home) return;
    switch (news.kind) {
      case "state":
        return this.#enter(group, news.number, news.members);
      case "event":
        for (const seat of seatsOf(group)) if (seat.isIn) seat.sink.event(news.event);
        return;
      case "replaced":
        for (const seat of [...(group.seats.get(news.memberId) ?? [])])
          if (seat.isIn) this.#end(seat, tooManySeats());
        return;
    }
  }

  /** A home has forgotten everything that it was told. */
  lost(home: string, nowMs: number): void {
    this.#told.delete(home);
    for (const contextId of this.#at.get(home) ?? []) {
      const group = this.#groups.get(contextId);
      if (group !== undefined) reset(group, nowMs);
    }
  }

  /** Ends the streams that have waited for a home since before `sinceMs`, with what `failure` returns. */
  endWaiting(sinceMs: number, failure: (contextId: string, home: string | undefined) => LedgerError): void {
    for (const [contextId, group] of this.#groups) {
      if (group.waitingSinceMs === undefined || group.waitingSinceMs > sinceMs) continue;
      const error = failure(contextId, group.home);
      for (const seat of seatsOf(group)) if (!seat.isIn) this.#end(seat, error);
    }
  }

  /** Ends all streams. */
  endAll(error: LedgerError): void {
    for (const group of [...this.#groups.values()]) for (const seat of seatsOf(group)) this.#end(seat, error);
  }

  #enter(group: Group, number: number, members: readonly GroupMember[]): void {
    group.refusals = 0;
    const joinedAt = new Map(members.map(({ memberId, joinedAtNs }) => [memberId, joinedAtNs]));
    const seats = seatsOf(group);
    const entering = seats.filter(
      ({ isIn, announced }) => !isIn && announced !== undefined && announced <= number,
    );
    for (const seat of entering) seat.isIn = true;
    if (seats.every(({ isIn }) => isIn)) group.waitingSinceMs = undefined;
    for (const seat of entering) {
      // Whatever home comes next is told the same.
      const { joinedAtNs } = seat.member;
      seat.member = { ...seat.member, joinedAtNs: joinedAt.get(seat.memberId) ?? joinedAtNs };
      seat.sink.event({ kind: "joined", members });
    }
  }

  #moved(home: string, contextId: string, nowMs: number): void {
    this.#setTold(home, contextId, new Set());
    const group = this.#groups.get(contextId);
    if (group?.home !== home) return;
    this.#place(contextId, group, undefined);
    reset(group, nowMs);
    group.refusals += 1;
    this.#parts.onMoved(contextId, group.refusals);
  }

  #end(seat: Seat, error: LedgerError): void {
    this.remove(seat);
    seat.sink.ended(error);
  }

  #place(contextId: string, group: Group, home: string | undefined): void {
    if (group.home !== undefined) {
      const at = this.#at.get(group.home);
      at?.delete(contextId);
      if (at?.size === 0) this.#at.delete(group.home);
    }
    group.home = home;
    if (home !== undefined) this.#at.set(home, (this.#at.get(home) ?? new Set()).add(contextId));
  }

  #untell(home: string, contextId: string, memberId: string): void {
    const told = this.#told.get(home)?.get(contextId);
    if (told?.delete(memberId) === true) this.#setTold(home, contextId, told);
  }

  #setTold(home: string, contextId: string, memberIds: Set<string>): void {
    const told = this.#told.get(home) ?? new Map<string, Set<string>>();
    if (memberIds.size > 0) this.#told.set(home, told.set(contextId, memberIds));
    else if (told.delete(contextId) && told.size === 0) this.#told.delete(home);
  }
}

const noSeats: ReadonlyMap<string, Set<Seat>> = new Map();

function newGroup(): Group {
  return { seats: new Map(), home: undefined, waitingSinceMs: undefined, refusals: 0 };
}

/** Nobody who keeps the group knows its members. */
function reset(group: Group, nowMs: number): void {
  group.waitingSinceMs ??= nowMs;
  for (const seat of seatsOf(group)) {
    seat.announced = undefined;
    seat.isIn = false;
  }
}

function seatsOf(group: Group): readonly Seat[] {
  return [...group.seats.values()].flatMap((seats) => [...seats]);
}
