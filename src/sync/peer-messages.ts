/**
 * What nodes ask of each other, as values. `node/peers` puts them on the wire; the simulation hands them over as they are.
 * Every request is answered once, or fails; a request that failed may have been carried out.
 *
 * @module
 */

import type { Epoch } from "../core/epoch.ts";
import type { GroupEvent, GroupMember, GroupMessage } from "./groups.ts";

/** Where the history of one context ends: how many entries, and the RFC 6962 root over them. */
export interface Position {
  readonly latest: number;
  readonly root: Uint8Array;
}

/** One entry as it travels: its sequence follows from its place. */
export interface PeerRow {
  readonly contentHash: Uint8Array;
  /** Fields 1 to 7 of the entry's protobuf encoding. */
  readonly wire: Uint8Array;
}

/** What a node holds of a context. */
export interface Holding extends Position {
  readonly holders: readonly string[];
  readonly promised: Epoch;
  readonly accepted: Epoch;
  readonly committed: number;
  readonly leaving: boolean;
}

/** One context's part of a replication message. */
export interface ReplicateItem {
  readonly contextId: string;
  readonly epoch: Epoch;
  readonly holders: readonly string[];
  /** The rows follow this entry; the receiver must have the same history up to it. */
  readonly after: number;
  readonly rootAfter: Uint8Array;
  readonly rows: readonly PeerRow[];
  /** Entries of the writer up to here are committed. */
  readonly committed: number;
}

export type ReplicateResult =
  /** Everything up to `latest` is on disk, in the history of the writer. */
  | { readonly kind: "stored"; readonly latest: number }
  /** The receiver has promised a later epoch. */
  | { readonly kind: "refused"; readonly promised: Epoch }
  /** The receiver's history is the writer's as far as it goes; rows are missing in between. */
  | { readonly kind: "gap"; readonly latest: number }
  /** The receiver's history is another, or of an older epoch: it must adopt the writer's. */
  | { readonly kind: "behind"; readonly latest: number }
  /** The receiver keeps the context with other holders, or is none. */
  | { readonly kind: "not-holder"; readonly holders: readonly string[] }
  | { readonly kind: "busy" };

export type PrepareResult =
  | ({ readonly kind: "promised" } & Holding)
  | { readonly kind: "refused"; readonly promised: Epoch }
  | { readonly kind: "not-holder"; readonly holders: readonly string[] }
  /** It has nothing of this context. It promises all the same, and remembers it. */
  | { readonly kind: "empty" };

/** Makes a node take over the whole history of the sender at least up to `target`. */
export interface AdoptRequest {
  readonly contextId: string;
  readonly epoch: Epoch;
  readonly holders: readonly string[];
  readonly target: Position;
  readonly committed: number;
}

/** A run of neighbouring nodes on one level of a context's tree. */
export interface NodesRequest {
  readonly contextId: string;
  /** The tree of the first `size` entries. */
  readonly size: number;
  readonly runs: readonly { readonly level: number; readonly first: number; readonly count: number }[];
}

export interface RowsRequest {
  readonly contextId: string;
  readonly after: number;
  readonly through: number;
  readonly bytesMax: number;
}

/** A context as anti-entropy compares it. */
export interface DigestEntry {
  readonly contextId: string;
  readonly latest: number;
  readonly committed: number;
  readonly accepted: Epoch;
  /** SHA-256(context id ‖ committed ‖ root of the committed entries). */
  readonly item: Uint8Array;
}

export interface DigestRequest {
  /** Of the contexts that both nodes keep. */
  readonly all: Uint8Array;
  /** Sums of the 256 buckets, packed; empty if the other has not said yet that `all` differs. */
  readonly buckets: Uint8Array;
}

export type DigestResult =
  | { readonly kind: "equal" }
  | { readonly kind: "differs" }
  /** The numbers of the buckets that differ. */
  | { readonly kind: "buckets"; readonly differing: readonly number[] };

/** Entries that lost their place in a fork, offered to the home, which appends those it lacks. */
export interface OfferRequest {
  readonly contextId: string;
  /** Entries after this one may be in the home's history in another place. */
  readonly forkedAfter: number;
  /** The home's, whose history the sender has: what it lost of that, and came before, was offered before. */
  readonly epoch: Epoch;
  readonly rows: readonly (PeerRow & { readonly sequence: number })[];
}

/** What a node knows of the forks of a context. */
export interface ForkNews {
  /** Of every record it has 8 bytes, packed, that change with whatever is in it. */
  readonly known: Uint8Array;
  /** Records that the other one lacks. */
  readonly forks: readonly PeerFork[];
}

/** Where two histories of a context parted, as `ForkRecord` of the ledger's ports says. */
export interface PeerFork {
  readonly after: number;
  readonly count: number;
  readonly hashes: Uint8Array;
  readonly winner: Epoch;
  readonly loser: Epoch;
  readonly foundAtNs: bigint;
}

/** A call of a client on its way to the home of its context. */
export interface ForwardRequest {
  /** Nodes it has passed. */
  readonly hops: number;
  /** The operation, as `rpc` names it. */
  readonly method: string;
  /** Encoded as that operation defines. */
  readonly body: Uint8Array;
}

/** What has changed about a node's own members of one group. */
export interface AnnounceItem {
  readonly contextId: string;
  /** Those that are there now, also those that are there already and say something else about themselves. */
  readonly joins: readonly GroupMember[];
  /** Ids of those that are not there any more; applied first. */
  readonly leaves: readonly string[];
}

export interface AnnounceRequest {
  /** Of the stream on which the node hears of its groups. What is announced is forgotten when that ends. */
  readonly session: number;
  /** Counts the announcements of a session. */
  readonly number: number;
  readonly items: readonly AnnounceItem[];
}

export type AnnounceRefusal =
  /** The receiver does not keep the group, and took nothing of it. */
  | { readonly kind: "not-home"; readonly contextId: string }
  /** The group, or the number of groups, is at its limit. */
  | { readonly kind: "full" | "too-many"; readonly contextId: string; readonly memberId: string };

/** What a node hears of the groups that it has members of. All that concerns one group comes in order. */
export type GroupNews =
  /** Who is there now that the announcement `number` was taken. Those that it brought hear what comes after this. */
  | {
      readonly kind: "state";
      readonly contextId: string;
      readonly number: number;
      readonly members: readonly GroupMember[];
    }
  | { readonly kind: "event"; readonly contextId: string; readonly event: GroupEvent }
  /** A member of the node joined at too many others since. */
  | { readonly kind: "replaced"; readonly contextId: string; readonly memberId: string }
  /** The sender does not keep the group any more. */
  | { readonly kind: "moved"; readonly contextId: string };

/** Every call between nodes: what is asked, and what is answered. */
export interface PeerCalls {
  readonly replicate: {
    readonly request: { readonly items: readonly ReplicateItem[] };
    /** One for each item, in order. */
    readonly answer: { readonly results: readonly ReplicateResult[] };
  };
  readonly prepare: {
    readonly request: {
      readonly contextId: string;
      readonly epoch: Epoch;
      readonly holders: readonly string[];
    };
    readonly answer: PrepareResult;
  };
  /** Answered when the history is adopted and on disk. */
  readonly adopt: { readonly request: AdoptRequest; readonly answer: ReplicateResult };
  readonly nodes: { readonly request: NodesRequest; readonly answer: { readonly hashes: Uint8Array } };
  /** At least one row if there is one. */
  readonly rows: { readonly request: RowsRequest; readonly answer: { readonly rows: readonly PeerRow[] } };
  /** What the node has of a context; nothing if it has nothing. */
  readonly holding: {
    readonly request: { readonly contextId: string };
    readonly answer: { readonly holding: Holding | undefined };
  };
  readonly digest: { readonly request: DigestRequest; readonly answer: DigestResult };
  /** Contexts of one bucket, in the byte order of their ids, at most `limit` after `startAfter`. */
  readonly bucket: {
    readonly request: { readonly bucket: number; readonly startAfter: string; readonly limit: number };
    readonly answer: { readonly entries: readonly DigestEntry[]; readonly more: boolean };
  };
  readonly offer: {
    readonly request: OfferRequest;
    /** True if all of them are in the committed history. */
    readonly answer: { readonly settled: boolean };
  };
  /** New holders of a context, under the epoch of its home. */
  readonly holders: {
    readonly request: {
      readonly contextId: string;
      readonly epoch: Epoch;
      readonly holders: readonly string[];
      readonly position: Position;
    };
    readonly answer: ReplicateResult;
  };
  /** The receiver is the home of a context whose copies differ, and is to make them equal. */
  readonly nudge: {
    readonly request: { readonly contextId: string };
    readonly answer: { readonly [nothing: string]: never };
  };
  /** What both know of forks of a context, afterwards, if it is asked until nothing comes and nothing is left to tell. */
  readonly forks: {
    readonly request: ForkNews & { readonly contextId: string };
    /** Of records that the asker lacks at least one, if there is any. */
    readonly answer: ForkNews;
  };
  readonly forward: { readonly request: ForwardRequest; readonly answer: { readonly body: Uint8Array } };
  /** The receiver keeps groups that the sender has members of. */
  readonly announce: {
    readonly request: AnnounceRequest;
    readonly answer: { readonly refusals: readonly AnnounceRefusal[] };
  };
  /** The receiver hands a message to all members of a group that it keeps, and answers how many there are. */
  readonly broadcast: {
    readonly request: { readonly contextId: string; readonly message: GroupMessage };
    readonly answer: { readonly members: number };
  };
  /** Who is in a group that the receiver keeps. */
  readonly group: {
    readonly request: { readonly contextId: string };
    readonly answer: { readonly members: readonly GroupMember[] };
  };
  /** How many clients of the receiver watch a context. */
  readonly watchers: {
    readonly request: { readonly contextId: string };
    readonly answer: { readonly watchers: number };
  };
}

export type PeerCallKind = keyof PeerCalls;
