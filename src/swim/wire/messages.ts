/**
 * The messages of memberlist's protocol, as values. Field names on the wire are those of hashicorp/memberlist's
 * net.go; see `encode-message.ts`.
 *
 * @module
 */

/** Who asks, and where to answer: optional in probes, because old versions answer to where the packet came from. */
export interface Source {
  readonly name: string;
  /** This and all addresses that were read are 4 or 16 bytes, with IPv4 always 4. */
  readonly address: Uint8Array;
  readonly port: number;
}

export interface Ping {
  readonly kind: "ping";
  readonly seqNo: number;
  /** Name of the node that is meant. */
  readonly node: string;
  readonly source: Source | undefined;
}

export interface IndirectPing {
  readonly kind: "indirect-ping";
  readonly seqNo: number;
  readonly address: Uint8Array;
  readonly port: number;
  /** Name of the node that is to be pinged. */
  readonly node: string;
  /** The asker wants a nack if the node does not answer. */
  readonly nack: boolean;
  readonly source: Source | undefined;
}

export interface Ack {
  readonly kind: "ack";
  readonly seqNo: number;
  readonly payload: Uint8Array;
}

export interface Nack {
  readonly kind: "nack";
  readonly seqNo: number;
}

export interface Suspect {
  readonly kind: "suspect";
  readonly incarnation: number;
  readonly node: string;
  readonly from: string;
}

export interface Alive {
  readonly kind: "alive";
  readonly incarnation: number;
  readonly node: string;
  readonly address: Uint8Array;
  readonly port: number;
  readonly meta: Uint8Array;
  /** pmin, pmax, pcur, dmin, dmax, dcur; empty if the sender said nothing. */
  readonly versions: Uint8Array;
}

export interface Dead {
  readonly kind: "dead";
  readonly incarnation: number;
  readonly node: string;
  /** Equal to `node` if the node left. */
  readonly from: string;
}

/** Bytes of the application. */
export interface User {
  readonly kind: "user";
  readonly bytes: Uint8Array;
}

/** What a packet can hold, beside layers. */
export type PacketMessage = Ping | IndirectPing | Ack | Nack | Suspect | Alive | Dead | User;

/** States of a member, with the numbers of the wire. */
export const nodeStates = { alive: 0, suspect: 1, dead: 2, left: 3 } as const;

export interface NodeState {
  readonly name: string;
  readonly address: Uint8Array;
  readonly port: number;
  readonly meta: Uint8Array;
  readonly incarnation: number;
  /** One of {@link nodeStates}. */
  readonly state: number;
  readonly versions: Uint8Array;
}

/** The whole state of one node, sent to another and answered with its own. */
export interface PushPull {
  readonly kind: "push-pull";
  readonly join: boolean;
  /** Without those, of what was read, that no member can have. */
  readonly states: readonly NodeState[];
  readonly userState: Uint8Array;
}

/** A stream that could not be read is answered with this. */
export interface ErrorReply {
  readonly kind: "error";
  readonly error: string;
}

/** What a stream can hold: one of these, and at most one in answer. */
export type StreamMessage = PushPull | Ping | Ack | User | ErrorReply;
