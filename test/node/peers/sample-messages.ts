import type { GroupMember, GroupMessage } from "../../../src/sync/groups.ts";
import type {
  GroupNews,
  PeerCallKind,
  PeerCalls,
  PrepareResult,
  ReplicateResult,
} from "../../../src/sync/peer-messages.ts";

type Samples = { readonly [Kind in PeerCallKind]: readonly PeerCalls[Kind]["request"][] };
type Answers = { readonly [Kind in PeerCallKind]: readonly PeerCalls[Kind]["answer"][] };

export function id(digit: string): string {
  return digit.repeat(32);
}

export function hash(byte: number): Uint8Array {
  return new Uint8Array(32).fill(byte);
}

const epoch = { counter: 3, nodeId: id("a") };
const none = { counter: 0, nodeId: "" };
const holders = [id("a"), id("b"), id("c")];
const contextId = "orders/ünïcode 42";
const position = { latest: Number.MAX_SAFE_INTEGER, root: hash(9) };
const row = { contentHash: hash(1), wire: Uint8Array.of(10, 1, 65) };
const longRow = { contentHash: hash(2), wire: new Uint8Array(70_000).fill(3) };
const results: readonly ReplicateResult[] = [
  { kind: "stored", latest: 2 ** 40 },
  { kind: "stored", latest: 0 },
  { kind: "refused", promised: epoch },
  { kind: "gap", latest: 7 },
  { kind: "behind", latest: 200 },
  { kind: "not-holder", holders },
  { kind: "not-holder", holders: [] },
  { kind: "busy" },
];
const fork = {
  ...{ after: 7, count: 3, hashes: new Uint8Array(96).fill(2), winner: epoch, loser: none },
  foundAtNs: 1_750_000_000_123_456_789n,
};
const holding = {
  ...position,
  holders,
  promised: epoch,
  accepted: none,
  committed: 12,
  leaving: true,
};
const prepared: readonly PrepareResult[] = [
  { kind: "promised", ...holding },
  { kind: "refused", promised: epoch },
  { kind: "not-holder", holders },
  { kind: "empty" },
];

const member: GroupMember = {
  ...{ memberId: "ünï", name: "a name", metadata: { role: "planner", empty: "" }, nodeId: id("a") },
  joinedAtNs: 1_700_000_000_123_456_789n,
};
const plain: GroupMember = { memberId: "b", name: "", metadata: {}, nodeId: id("b"), joinedAtNs: 0n };
const message: GroupMessage = {
  ...{ id: id("5"), fromMemberId: "b", payload: new Uint8Array(65_536).fill(8) },
  sentAtNs: 2n ** 62n,
};
const empty: GroupMessage = { id: id("0"), fromMemberId: "", payload: new Uint8Array(0), sentAtNs: 0n };

/** What a stream of groups brings, of every kind. */
export const sampleNews: readonly GroupNews[] = [
  { kind: "state", contextId, number: 0, members: [] },
  { kind: "state", contextId, number: 7, members: [member, plain] },
  { kind: "event", contextId, event: { kind: "message", message } },
  { kind: "event", contextId, event: { kind: "message", message: empty } },
  { kind: "event", contextId, event: { kind: "change", change: "joined", member } },
  { kind: "event", contextId, event: { kind: "change", change: "updated", member: plain } },
  { kind: "event", contextId, event: { kind: "change", change: "left", member } },
  { kind: "replaced", contextId, memberId: "ünï" },
  { kind: "moved", contextId },
];

/** Requests of every kind, with and without everything that can be left out. */
export const sampleRequests: Samples = {
  replicate: [
    { items: [] },
    {
      items: [
        { contextId, epoch, holders, after: 0, rootAfter: hash(0), rows: [row, longRow, row], committed: 0 },
        { contextId: "b", epoch: none, holders: [], after: 5, rootAfter: hash(4), rows: [], committed: 5 },
      ],
    },
  ],
  prepare: [{ contextId, epoch, holders }],
  adopt: [{ contextId, epoch, holders, target: position, committed: 3 }],
  nodes: [
    {
      contextId,
      size: 1000,
      runs: [
        { level: 0, first: 0, count: 1 },
        { level: 53, first: 2 ** 45, count: 4 },
      ],
    },
    { contextId, size: 0, runs: [] },
  ],
  rows: [{ contextId, after: 1, through: 2 ** 33, bytesMax: 1 << 20 }],
  holding: [{ contextId }],
  digest: [
    { all: hash(5), buckets: new Uint8Array(0) },
    { all: hash(5), buckets: new Uint8Array(256 * 32).fill(6) },
  ],
  bucket: [
    { bucket: 0, startAfter: "", limit: 100 },
    { bucket: 255, startAfter: contextId, limit: 4096 },
  ],
  offer: [
    {
      contextId,
      forkedAfter: 4,
      epoch,
      rows: [
        { ...row, sequence: 5 },
        { ...longRow, sequence: 6 },
      ],
    },
  ],
  holders: [{ contextId, epoch, holders, position }],
  nudge: [{ contextId }],
  forks: [
    { contextId, known: new Uint8Array(0), forks: [] },
    { contextId, known: new Uint8Array(16).fill(4), forks: [fork, { ...fork, hashes: new Uint8Array(0) }] },
  ],
  forward: [
    { hops: 0, method: "Append", body: new Uint8Array(0) },
    { hops: 2, method: "Get", body: new Uint8Array(300).fill(1) },
  ],
  announce: [
    { session: 2 ** 48, number: 1, items: [] },
    {
      session: 1,
      number: 2 ** 32,
      items: [
        { contextId, joins: [member, plain], leaves: ["x", "y"] },
        { contextId: "b", joins: [], leaves: [] },
      ],
    },
  ],
  broadcast: [
    { contextId, message },
    { contextId, message: empty },
  ],
  group: [{ contextId }],
  watchers: [{ contextId }],
};

/** Answers of every kind, likewise. */
export const sampleAnswers: Answers = {
  replicate: [{ results: [] }, { results }],
  prepare: prepared,
  adopt: results,
  nodes: [{ hashes: new Uint8Array(0) }, { hashes: new Uint8Array(96).fill(1) }],
  rows: [{ rows: [] }, { rows: [row, longRow] }],
  holding: [{ holding: undefined }, { holding }],
  digest: [{ kind: "equal" }, { kind: "differs" }, { kind: "buckets", differing: [0, 128, 255] }],
  bucket: [
    { entries: [], more: false },
    { entries: [{ contextId, latest: 9, committed: 8, accepted: epoch, item: hash(7) }], more: true },
  ],
  offer: [{ settled: true }, { settled: false }],
  holders: results,
  nudge: [{}],
  forks: [
    { known: new Uint8Array(0), forks: [] },
    { known: new Uint8Array(8), forks: [fork] },
  ],
  forward: [{ body: new Uint8Array(0) }, { body: Uint8Array.of(1, 2) }],
  announce: [
    { refusals: [] },
    {
      refusals: [
        { kind: "not-home", contextId },
        { kind: "full", contextId, memberId: "a" },
        { kind: "too-many", contextId, memberId: "b" },
      ],
    },
  ],
  broadcast: [{ members: 0 }, { members: 1024 }],
  group: [{ members: [] }, { members: [member, plain] }],
  watchers: [{ watchers: 0 }, { watchers: 100_000 }],
};
