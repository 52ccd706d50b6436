/**
 * The members of groups, and who is to hear of what: the soft state that is kept where a context is at home. It knows no
 * sockets and no clock. A link is a way to hear of a group: one stream of a member, or a node on behalf of the members that
 * joined there.
 *
 * @module
 */

import { limits } from "../core/limits.ts";
import { groupFull, noMember, tooManyGroups } from "./group-errors.ts";

export interface GroupMember {
  /** Unique in its group. */
  readonly memberId: string;
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Through which node it has joined at last. */
  readonly nodeId: string;
  readonly joinedAtNs: bigint;
}

export interface GroupMessage {
  /** 32 hexadecimal digits. */
  readonly id: string;
  /** Empty if it does not say. */
  readonly fromMemberId: string;
  readonly payload: Uint8Array;
  readonly sentAtNs: bigint;
}

export type GroupEvent =
  | { readonly kind: "message"; readonly message: GroupMessage }
  | { readonly kind: "change"; readonly change: GroupChange; readonly member: GroupMember };

export type GroupChange = "joined" | "updated" | "left";

/** An event and the links that are to hear of it. */
export interface Delivery<Link> {
  readonly links: readonly Link[];
  readonly event: GroupEvent;
}

interface Present<Link> {
  member: GroupMember;
  /** In the order in which they came. */
  readonly links: Set<Link>;
}

interface Group<Link> {
  readonly members: Map<string, Present<Link>>;
  /** How many members each link stands for. */
  readonly links: Map<Link, number>;
}

/** Every group of one home. Events of one group are in one order for all of its links: that of the calls. */
export class GroupTable<Link> {
  readonly #groups = new Map<string, Group<Link>>();

  /** How many groups there are. */
  get size(): number {
    return this.#groups.size;
  }

  /**
   * Takes a member that came over `link`, which from then on hears of its group, but not of this. One that is there
   * keeps the time it joined at. `replaced` is a link that does not stand for the member any more, because it has too many. Throws LedgerError
   * GROUP_FULL, GROUPS_TOO_MANY.
   */
  join(
    contextId: string,
    link: Link,
    member: GroupMember,
  ): { readonly delivery: Delivery<Link> | undefined; readonly replaced: Link | undefined } {
    const group = this.#groups.get(contextId) ?? this.#newGroup();
    const known = group.members.get(member.memberId);
    if (known === undefined && group.members.size >= limits.groupMembersMax) throw groupFull(contextId);
    this.#groups.set(contextId, group);
    // A link that has brought others hears of this one for their sake.
    const listeners = [...group.links.keys()];
    const present = known ?? { member, links: new Set<Link>() };
    group.members.set(member.memberId, present);
    if (!present.links.has(link)) count(group, link, 1);
    // Whoever comes again is the newest.
    present.links.delete(link);
    present.links.add(link);
    if (known === undefined) return { delivery: change(listeners, "joined", member), replaced: undefined };

    const before = known.member;
    known.member = { ...member, joinedAtNs: before.joinedAtNs };
    const [oldest] = present.links;
    const replaced = present.links.size > limits.groupStreamsPerMemberMax ? oldest : undefined;
    if (replaced !== undefined) {
      present.links.delete(replaced);
      count(group, replaced, -1);
    }
    const isNews = !sameDescription(before, known.member);
    return { delivery: isNews ? change(listeners, "updated", known.member) : undefined, replaced };
  }

  /** Takes a member's link away; it has left with the last of them. Returns what the others are to hear, if anything. */
  leave(contextId: string, link: Link, memberId: string): Delivery<Link> | undefined {
    const group = this.#groups.get(contextId);
    const present = group?.members.get(memberId);
    if (group === undefined || present === undefined || !present.links.delete(link)) return undefined;
    count(group, link, -1);
    if (present.links.size > 0) return undefined;
    group.members.delete(memberId);
    if (group.members.size === 0) this.#groups.delete(contextId);
    return change([...group.links.keys()], "left", present.member);
  }

  /** Returns who is to hear of a message, and how many members that is. Throws LedgerError GROUP_MEMBER_NOT_FOUND. */
  broadcast(
    contextId: string,
    message: GroupMessage,
  ): { readonly delivery: Delivery<Link>; readonly members: number } {
    const group = this.#groups.get(contextId);
    const { fromMemberId } = message;
    if (fromMemberId !== "" && group?.members.has(fromMemberId) !== true)
      throw noMember(contextId, fromMemberId);
    const links = [...(group?.links.keys() ?? [])];
    return { delivery: { links, event: { kind: "message", message } }, members: group?.members.size ?? 0 };
  }

  has(contextId: string): boolean {
    return this.#groups.has(contextId);
  }

  contextIds(): IterableIterator<string> {
    return this.#groups.keys();
  }

  /** Forgets a group, and returns the links that were to hear of it. */
  drop(contextId: string): readonly Link[] {
    const links = [...(this.#groups.get(contextId)?.links.keys() ?? [])];
    this.#groups.delete(contextId);
    return links;
  }

  /** Returns who is in a group, in the byte order of their ids. */
  members(contextId: string): readonly GroupMember[] {
    const present = [...(this.#groups.get(contextId)?.members.values() ?? [])];
    return present.map(({ member }) => member).sort((a, b) => compareUtf8(a.memberId, b.memberId));
  }

  #newGroup(): Group<Link> {
    if (this.#groups.size >= limits.groupsMax) throw tooManyGroups();
    return { members: new Map(), links: new Map() };
  }
}

function count<Link>(group: Group<Link>, link: Link, by: 1 | -1): void {
  const members = (group.links.get(link) ?? 0) + by;
  if (members === 0) group.links.delete(link);
  else group.links.set(link, members);
}

function change<Link>(links: readonly Link[], kind: GroupChange, member: GroupMember): Delivery<Link> {
  return { links, event: { kind: "change", change: kind, member } };
}

function sameDescription(a: GroupMember, b: GroupMember): boolean {
  const names = Object.keys(a.metadata);
  return (
    a.name === b.name &&
    a.nodeId === b.nodeId &&
    names.length === Object.keys(b.metadata).length &&
    names.every((name) => a.metadata[name] === b.metadata[name])
  );
}

/** Code points compare as UTF-8 bytes do; UTF-16 units do not. */
function compareUtf8(a: string, b: string): number {
  let at = 0;
  while (at < a.length && at < b.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  // In a pair that differs in its second half alone, that half decides.
  return (a.codePointAt(at) ?? -1) - (b.codePointAt(at) ?? -1);
}
