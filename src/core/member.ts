import type { WriteCopies } from "./write-copies.ts";

/** What a node believes about another: as in SWIM, and `left` for one that said good-bye. */
export type MemberState = "alive" | "suspect" | "dead" | "left";

/** What a ledger node says about itself. All of it is absent for members that are no ledger nodes. */
export interface MemberTags {
  /** The random id of its data directory: 32 hex digits. */
  readonly nodeId?: string;
  /** HOST:PORT of its gRPC listener. */
  readonly rpcAddress?: string;
  /** HOST:PORT of its HTTP listener. */
  readonly httpAddress?: string;
  /** Of the executable. */
  readonly version?: string;
  /** The name of its log of logs. */
  readonly logName?: string;
  /** The versions of the protocol between nodes that it speaks. */
  readonly protocolMin?: number;
  readonly protocolMax?: number;
  /** The settings of its cluster, as it was started with them. */
  readonly replicas?: number;
  readonly writeCopies?: WriteCopies;
  /** False if it takes no appends now: its disk is full or fails, or what it stores is damaged. */
  readonly canWrite?: boolean;
}

/** One member of the cluster as this node sees it. */
export interface Member {
  /** Unique in the cluster. */
  readonly name: string;
  /** HOST:PORT of its gossip, UDP and TCP. */
  readonly gossipAddress: string;
  readonly state: MemberState;
  /** Grows when the member contradicts what is said about it. */
  readonly incarnation: number;
  /** Since when this node has seen it in this state, in milliseconds of the Unix epoch. */
  readonly stateSinceMs: number;
  readonly isSelf: boolean;
  readonly tags: MemberTags;
}

/** How a member has changed. `forgotten` members are listed no more. */
export type MemberChangeKind =
  "joined" | "updated" | "suspected" | "recovered" | "died" | "left" | "forgotten";

export interface MemberChange {
  readonly kind: MemberChangeKind;
  /** After the change. */
  readonly member: Member;
}
