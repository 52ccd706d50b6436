import type { Endpoint } from "./endpoint.ts";
import type { StreamId, Timer } from "./input.ts";
import type { MemberView } from "./member-view.ts";

/** Something for the operator's log. */
export type Notice =
  /** Two nodes use one name: the address that is known, and the one that was refused. */
  | {
      readonly kind: "name-conflict";
      readonly name: string;
      readonly known: Endpoint;
      readonly other: Endpoint;
    }
  /** Somebody said this node is suspect, dead or gone, or something else about it that is not so; it was contradicted. */
  | {
      readonly kind: "refuted";
      readonly accusation: "suspect" | "dead" | "left" | "alive";
      readonly from: string;
    }
  /** A node speaks versions that some member does not understand; nothing of its state was taken. */
  | { readonly kind: "versions-refused"; readonly reason: string }
  /** A node cannot be a member together with this one: `reason` as `SwimOptions.refuses` has it. */
  | { readonly kind: "member-refused"; readonly name: string; readonly reason: string }
  /** A probe over UDP got no answer, one over TCP did: UDP may be blocked. */
  | { readonly kind: "udp-unanswered"; readonly name: string }
  /** A packet or stream was not read: `refusal` as in the counters. */
  | { readonly kind: "refused"; readonly from: Endpoint; readonly refusal: string };

/** What a node wants done, in order. */
export type Effect =
  | { readonly kind: "send"; readonly to: Endpoint; readonly bytes: Uint8Array }
  /** Connect, and send. Inputs about `stream` follow; `stream-ended` at the latest after `timeoutMs`. */
  | {
      readonly kind: "open-stream";
      readonly stream: StreamId;
      readonly to: Endpoint;
      readonly bytes: Uint8Array;
      readonly timeoutMs: number;
    }
  | { readonly kind: "write-stream"; readonly stream: StreamId; readonly bytes: Uint8Array }
  /** Send what was written, and close. No input about `stream` is wanted any more. */
  | { readonly kind: "close-stream"; readonly stream: StreamId }
  | { readonly kind: "set-timer"; readonly timer: Timer; readonly afterMs: number }
  | {
      readonly kind: "member";
      readonly change: "joined" | "updated" | "suspected" | "recovered" | "died" | "left" | "forgotten";
      readonly member: MemberView;
    }
  | { readonly kind: "notice"; readonly notice: Notice }
  /** The exchange that a join asked for has ended; `error` is undefined if the states are merged. */
  | {
      readonly kind: "join-ended";
      readonly request: number;
      readonly error: string | undefined;
      /** Members that the other node told of, itself included. */
      readonly members: number;
      /** Set if the other node, or one it told of, cannot be a member together with this one: `error` is why. */
      readonly isRefused?: true;
    }
  /** The whole state of another node was merged, whoever asked for it: what that node knew is known here. */
  | { readonly kind: "exchanged" }
  | { readonly kind: "user-message"; readonly bytes: Uint8Array; readonly reliable: boolean }
  /** The good-bye has gone round, or as far as it goes. */
  | { readonly kind: "departed" };
