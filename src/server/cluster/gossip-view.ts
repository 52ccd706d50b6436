import type { Member } from "../../core/member.ts";
import type { RosterMember } from "../../ledger/ports.ts";
import type { ClusterView } from "../../sync/view.ts";

export interface GossipViewParts {
  readonly selfId: string;
  readonly members: () => readonly Member[];
  readonly roster: () => readonly RosterMember[];
  readonly hasExchanged: () => boolean;
  /** Whether this node can take appends now. */
  readonly canWrite: () => boolean;
}

interface Seen {
  readonly name: string;
  readonly isAlive: boolean;
  readonly canWrite: boolean;
}

/** The cluster as gossip and the roster have it. It is asked for every append, so it is looked up anew only when it changes. */
export class GossipView implements ClusterView {
  readonly selfId: string;
  readonly #parts: GossipViewParts;
  readonly #listeners = new Set<() => void>();
  #seen: ReadonlyMap<string, Seen> | undefined;
  #roster: readonly string[] = [];
  #rosterOf: readonly RosterMember[] | undefined;

  constructor(parts: GossipViewParts) {
    this.selfId = parts.selfId;
    this.#parts = parts;
  }

  get hasExchanged(): boolean {
    return this.#parts.hasExchanged();
  }

  roster(): readonly string[] {
    const members = this.#parts.roster();
    if (members !== this.#rosterOf) {
      this.#rosterOf = members;
      const ids = members.map(({ nodeId }) => nodeId);
      this.#roster = ids.includes(this.selfId) ? ids : [...ids, this.selfId];
    }
    return this.#roster;
  }

  /** A suspect may well be there: it counts until it is taken for dead. */
  isAlive(nodeId: string): boolean {
    return nodeId === this.selfId || this.#members().get(nodeId)?.isAlive === true;
  }

  canWrite(nodeId: string): boolean {
    if (nodeId === this.selfId) return this.#parts.canWrite();
    return this.#members().get(nodeId)?.canWrite !== false;
  }

  nameOf(nodeId: string): string {
    const seen = this.#members().get(nodeId)?.name;
    return seen ?? this.#parts.roster().find((member) => member.nodeId === nodeId)?.name ?? nodeId;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Gossip, or the roster, says something else now. */
  changed(): void {
    this.#seen = undefined;
    for (const listener of [...this.#listeners]) listener();
  }

  #members(): ReadonlyMap<string, Seen> {
    this.#seen ??= seenIn(this.#parts.members());
    return this.#seen;
  }
}

/** Of two members that say they are the same node, the one that is alive counts. */
function seenIn(members: readonly Member[]): ReadonlyMap<string, Seen> {
  const seen = new Map<string, Seen>();
  for (const { name, state, tags } of members) {
    const { nodeId, canWrite = true } = tags;
    if (nodeId === undefined || seen.get(nodeId)?.isAlive === true) continue;
    seen.set(nodeId, { name, isAlive: state === "alive" || state === "suspect", canWrite });
  }
  return seen;
}
