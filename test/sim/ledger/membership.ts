import type { Member } from "../../../src/core/member.ts";
import type { RosterMember } from "../../../src/ledger/ports.ts";

/** One machine of a simulated cluster: which number it has, and the id of the node whose disk is in it. */
export interface Place {
  readonly machine: number;
  readonly nodeId: string;
}

/** Who takes part in the cluster, and who takes whom for alive. Machines are numbered from 0 in the order they are added. */
export interface Membership {
  /** Adds a machine on which nothing runs. */
  add(nodeId: string): number;
  /** A process starts, and looks for those that run. `changed` is called whenever it sees something else. */
  start(machine: number, changed: () => void): void;
  crash(machine: number): void;
  /** The node says good-bye for good. Its process goes on until it is crashed. */
  leave(machine: number): void;
  /** Nothing happens to the process for a while. */
  hold(machine: number, forMs: number): void;
  /** Nothing goes from one machine to another until the returned function is called. */
  cut(from: number, to: number): () => void;
  /** The node says if it can write. */
  tell(machine: number, canWrite: boolean): void;
  members(machine: number): readonly Member[];
  /** Everybody who joined and has not left, as the disk of the machine has it. Another array after each change. */
  roster(machine: number): readonly RosterMember[];
  hasExchanged(machine: number): boolean;
  /** What somebody sees may change for no good reason. */
  disturb(): void;
  /** Nothing is lost any more. */
  heal(): void;
}

export function memberOf(
  { machine, nodeId }: Place,
  { state, canWrite, isSelf }: Pick<Member, "state" | "isSelf"> & { readonly canWrite: boolean },
): Member {
  const name = `node-${machine}`;
  const rest = { gossipAddress: name, incarnation: 0, stateSinceMs: 0, tags: { nodeId, canWrite } };
  return { name, state, isSelf, ...rest };
}

export function rosterMemberOf({ machine, nodeId }: Place): RosterMember {
  const name = `node-${machine}`;
  return { nodeId, name, gossipAddress: name, rpcAddress: undefined, firstSeenMs: 0, lastAliveMs: 0 };
}
