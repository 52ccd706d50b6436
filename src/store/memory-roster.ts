import { limits } from "../core/limits.ts";
import type { Commit, RosterMember } from "../ledger/ports.ts";

/** What a memory store keeps of the cluster. */
export class MemoryRoster {
  readonly #members = new Map<string, RosterMember>();
  #incarnation = 0;

  get incarnation(): number {
    return this.#incarnation;
  }

  /** Writes a commit's part. */
  write({ roster, gossipIncarnation = 0 }: Commit): void {
    for (const nodeId of roster?.remove ?? []) this.#members.delete(nodeId);
    for (const member of roster?.put ?? []) this.#members.set(member.nodeId, { ...member });
    this.#incarnation = Math.max(this.#incarnation, gossipIncarnation);
  }

  /** Returns members in the order of their node ids, at most `membersMax`. */
  members(): RosterMember[] {
    const all = [...this.#members.values()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
    return all.slice(0, limits.membersMax).map((member) => ({ ...member }));
  }
}
