import type { Endpoint } from "./endpoint.ts";
import type { Keyring } from "./wire/keyring.ts";

/** Names a stream. Those that this node opens are positive and named by Swim; its driver names others with negative numbers. */
export type StreamId = number;

/** A timer is a value: whoever runs the clock gives it back when its time has come. Old ones are recognised. */
export interface Timer {
  readonly kind:
    | "probe"
    | "probe-timeout"
    | "probe-end"
    | "relay-timeout"
    | "suspicion"
    | "gossip"
    | "push-pull"
    | "reconnect"
    | "departure";
  /** What it is about: a sequence number or a member. */
  readonly id: number;
  /** Tells timers of one kind and id apart. */
  readonly token: number;
}

/** Everything that can happen to a node. Bytes belong to the receiver from then on. */
export type Input =
  /** First of all, and once. */
  | { readonly kind: "start" }
  | { readonly kind: "packet"; readonly from: Endpoint; readonly bytes: Uint8Array }
  | { readonly kind: "timer"; readonly timer: Timer }
  /** Another node has connected. */
  | { readonly kind: "stream-opened"; readonly stream: StreamId; readonly from: Endpoint }
  | { readonly kind: "stream-data"; readonly stream: StreamId; readonly bytes: Uint8Array }
  /** The last input about a stream, unless Swim closed it: it could not be opened, ended, broke, or took too long. */
  | { readonly kind: "stream-ended"; readonly stream: StreamId; readonly error: string | undefined }
  /** Nothing ran for so long, in which acks may have come and not been read. */
  | { readonly kind: "stalled"; readonly forMs: number }
  /** Exchange the whole state with the node at `to`; a `join-ended` effect with this `request` follows. */
  | { readonly kind: "join"; readonly to: Endpoint; readonly request: number }
  /** The places to reconnect to as long as no member is there; in place of those given before. */
  | { readonly kind: "seeds"; readonly seeds: readonly Endpoint[] }
  /** A member of an earlier life of this node: dead until it shows itself, and looked for like others that died. */
  | {
      readonly kind: "remember";
      readonly name: string;
      readonly endpoint: Endpoint;
      readonly meta: Uint8Array;
    }
  /** Say good-bye for good; a `departed` effect follows. */
  | { readonly kind: "leave" }
  /** Say that this process ends, and may come back; a `departed` effect follows. */
  | { readonly kind: "stop" }
  /** Take a dead member for one that left. Throws LedgerError if there is none of the name, or it is not dead. */
  | { readonly kind: "forget"; readonly name: string }
  /** What this node says about itself has changed. */
  | { readonly kind: "meta"; readonly meta: Uint8Array }
  | { readonly kind: "keyring"; readonly keyring: Keyring }
  /** Bytes of the application for every member, by gossip. Throws LedgerError if they are too many. */
  | { readonly kind: "broadcast"; readonly bytes: Uint8Array }
  /** Bytes of the application for one member, over a stream. Throws LedgerError if there is no such member. */
  | { readonly kind: "send-user"; readonly to: string; readonly bytes: Uint8Array };
