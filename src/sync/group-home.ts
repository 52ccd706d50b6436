import { LedgerError } from "../core/errors.ts";
import { sessionOver } from "./group-errors.ts";
import { GroupOutbox } from "./group-outbox.ts";
import { type Delivery, type GroupMember, type GroupMessage, GroupTable } from "./groups.ts";
import type { AnnounceItem, AnnounceRefusal, AnnounceRequest } from "./peer-messages.ts";

/** A node that has announced members here, for as long as it listens to what they are to hear. */
export interface GroupSession {
  readonly nodeId: string;
  readonly id: number;
  readonly outbox: GroupOutbox;
}

interface Announced extends GroupSession {
  /** Its members, by context. */
  readonly members: Map<string, Set<string>>;
}

/**
 * The groups that one node keeps, for members at any node. While a group is settling, because its former home may have known
 * members that nobody has announced here yet, nobody hears of it: all hear of everybody when it has settled. It knows no sockets
 * and no clock.
 */
export class GroupHome {
  readonly #table = new GroupTable<Announced>();
  /** One of each node. */
  readonly #sessions = new Map<string, Announced>();
  /** Groups that are settling, and who is to hear of them afterwards: by the number of its last announcement. */
  readonly #settling = new Map<string, Map<Announced, number>>();

  get size(): number {
    return this.#table.size;
  }

  has(contextId: string): boolean {
    return this.#table.has(contextId);
  }

  contextIds(): readonly string[] {
    return [...this.#table.contextIds()];
  }

  isSettling(contextId: string): boolean {
    return this.#settling.has(contextId);
  }

  /** Nodes that have sessions. */
  nodeIds(): readonly string[] {
    return [...this.#sessions.keys()];
  }

  /** Begins to listen to a node, and forgets what it has announced before. */
  open(nodeId: string, id: number): GroupSession {
    const former = this.#sessions.get(nodeId);
    if (former !== undefined) this.#end(former, sessionOver("the node has begun anew"));
    const session: Announced = { nodeId, id, outbox: new GroupOutbox(), members: new Map() };
    this.#sessions.set(nodeId, session);
    return session;
  }

  /** Forgets everything that a node has announced, at once. Twice is once. */
  close({ nodeId, outbox }: GroupSession, why = "the stream has ended"): void {
    const session = this.#sessions.get(nodeId);
    if (session?.outbox === outbox) this.#end(session, sessionOver(why));
  }

  /** Likewise, for a node that is dead. */
  closeNode(nodeId: string): void {
    const session = this.#sessions.get(nodeId);
    if (session !== undefined) this.#end(session, sessionOver("the node is dead"));
  }

  /**
   * Takes what a node announces of groups that this one keeps. New groups settle if `isSettling`. Throws LedgerError
   * GROUP_SESSION_OVER.
   */
  announce(
    nodeId: string,
    { session: id, number, items }: AnnounceRequest,
    isSettling: boolean,
  ): readonly AnnounceRefusal[] {
    const session = this.#sessions.get(nodeId);
    if (session?.id !== id) throw sessionOver("there is no such stream");
    return items.flatMap((item) => this.#announced(session, number, item, isSettling));
  }

  /** Hands a message to everybody, and returns how many members those are. Throws LedgerError GROUP_MEMBER_NOT_FOUND. */
  broadcast(contextId: string, message: GroupMessage): number {
    const { delivery, members } = this.#table.broadcast(contextId, message);
    this.#deliver(contextId, delivery);
    return members;
  }

  members(contextId: string): readonly GroupMember[] {
    return this.#table.members(contextId);
  }

  /** Everybody has had the time to announce its members: tells all who is there. */
  settle(): void {
    for (const [contextId, sessions] of this.#settling)
      for (const [session, number] of sessions) this.#tellState(session, contextId, number);
    this.#settling.clear();
  }

  /** This node does not keep a group any more. */
  drop(contextId: string): void {
    this.#settling.delete(contextId);
    for (const session of this.#table.drop(contextId)) {
      session.members.delete(contextId);
      session.outbox.push({ kind: "moved", contextId });
    }
  }

  #announced(
    session: Announced,
    number: number,
    { contextId, joins, leaves }: AnnounceItem,
    isSettling: boolean,
  ): AnnounceRefusal[] {
    for (const memberId of leaves) this.#left(session, contextId, memberId);
    if (joins.length === 0) return [];
    if (isSettling && !this.#table.has(contextId)) this.#settling.set(contextId, new Map());
    const refusals: AnnounceRefusal[] = [];
    for (const member of joins) {
      const kind = this.#joined(session, contextId, member);
      if (kind !== undefined) refusals.push({ kind, contextId, memberId: member.memberId });
    }
    if (!this.#table.has(contextId)) this.#settling.delete(contextId);
    if (refusals.length === joins.length) return refusals;
    const settling = this.#settling.get(contextId);
    if (settling !== undefined) settling.set(session, number);
    else this.#tellState(session, contextId, number);
    return refusals;
  }

  /** Returns why a member may not join, if so. */
  #joined(session: Announced, contextId: string, member: GroupMember): "full" | "too-many" | undefined {
    try {
      const { delivery, replaced } = this.#table.join(contextId, session, member);
      const ids = session.members.get(contextId) ?? new Set();
      session.members.set(contextId, ids.add(member.memberId));
      this.#deliver(contextId, delivery);
      if (replaced !== undefined) {
        forget(replaced, contextId, member.memberId);
        replaced.outbox.push({ kind: "replaced", contextId, memberId: member.memberId });
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      return error.facts.reason === "GROUP_FULL" ? "full" : "too-many";
    }
  }

  #left(session: Announced, contextId: string, memberId: string): void {
    const delivery = this.#table.leave(contextId, session, memberId);
    forget(session, contextId, memberId);
    this.#deliver(contextId, delivery);
    if (!this.#table.has(contextId)) this.#settling.delete(contextId);
  }

  #tellState({ outbox }: Announced, contextId: string, number: number): void {
    outbox.push({ kind: "state", contextId, number, members: this.#table.members(contextId) });
  }

  #deliver(contextId: string, delivery: Delivery<Announced> | undefined): void {
    if (delivery === undefined || this.#settling.has(contextId)) return;
    const news = { kind: "event", contextId, event: delivery.event } as const;
    for (const { outbox } of delivery.links) outbox.push(news);
  }

  #end(session: Announced, error: LedgerError): void {
    this.#sessions.delete(session.nodeId);
    session.outbox.end(error);
    for (const settling of this.#settling.values()) settling.delete(session);
    for (const [contextId, ids] of session.members)
      for (const memberId of [...ids]) this.#left(session, contextId, memberId);
  }
}

function forget(session: Announced, contextId: string, memberId: string): void {
  const ids = session.members.get(contextId);
  ids?.delete(memberId);
  if (ids?.size === 0) session.members.delete(contextId);
}
