import type { Member, MemberChange, MemberChangeKind } from "../../src/core/member.ts";
import type { Cluster, GossipCounts, GossipStatus, JoinOutcome, KeyReport } from "../../src/rpc/cluster.ts";
import { refusals } from "../../src/swim/wire/refusal.ts";

/** A cluster that does what a test says, and keeps what it was asked. */
export interface FakeCluster extends Cluster {
  readonly asked: unknown[][];
  /** Those who listen to changes. */
  readonly listeners: ReadonlySet<(change: MemberChange) => void>;
  /** Changes a member, or adds one, and tells it. */
  change(kind: MemberChangeKind, member: Member): void;
}

export interface FakeClusterOptions {
  readonly members?: readonly Member[];
  readonly status?: Partial<GossipStatus>;
  readonly outcomes?: readonly JoinOutcome[];
  readonly report?: KeyReport;
  /** True unless given. */
  readonly hasExchanged?: boolean;
  /** What every command is refused with. */
  readonly refusal?: Error;
  /** Commands wait for it. */
  readonly until?: Promise<void>;
}

/** Numbers that can be told from each other. */
export const counts: GossipCounts = {
  packetsIn: 101,
  packetsOut: 102,
  bytesIn: 103,
  bytesOut: 104,
  sendErrors: 105,
  streamsIn: 106,
  streamsOut: 107,
  streamErrors: 108,
  streamsRefused: 109,
  stalls: 110,
  probesAnswered: 111,
  probesAnsweredIndirectly: 112,
  probesFailed: 113,
  suspicions: 114,
  deaths: 115,
  refutations: 116,
  nameConflicts: 117,
  versionsRefused: 118,
  invalidMessages: 119,
  refused: Object.fromEntries(refusals.map((refusal, index) => [refusal, 200 + index])),
};

export const keyReport: KeyReport = {
  keys: [{ id: "0123456789abcdef", members: ["a", "b"], primaryOf: ["a"] }],
  failures: [],
};

/** Returns a member that is a ledger node and alive unless told otherwise. */
export function member(name: string, rest: Partial<Member> = {}): Member {
  return {
    name,
    gossipAddress: "127.0.0.1:7946",
    state: "alive",
    incarnation: 1_795_422_402,
    stateSinceMs: 1_795_422_402_250,
    isSelf: false,
    tags: {
      nodeId: "00112233445566778899aabbccddeeff",
      rpcAddress: "127.0.0.1:50051",
      httpAddress: "127.0.0.1:8080",
      version: "1.2.3",
      logName: `converge.local/${name}`,
      protocolMin: 1,
      protocolMax: 2,
      replicas: 3,
      writeCopies: "majority",
      canWrite: true,
    },
    ...rest,
  };
}

/** A member that is no ledger node. */
export const stranger = member("stranger", { state: "suspect", gossipAddress: "[fd00::5]:1", tags: {} });

export function fakeCluster(options: FakeClusterOptions = {}): FakeCluster {
  const { outcomes = [], report = keyReport, refusal, until } = options;
  let members = options.members ?? [member("a", { isSelf: true }), member("b")];
  const asked: unknown[][] = [];
  const listeners = new Set<(change: MemberChange) => void>();
  const answer = async <T>(value: T, ...call: unknown[]): Promise<T> => {
    asked.push(call);
    await until;
    if (refusal !== undefined) throw refusal;
    return value;
  };
  return {
    asked,
    listeners,
    change(kind, changed) {
      const others = members.filter(({ name }) => name !== changed.name);
      members = kind === "forgotten" ? others : [...others, changed];
      for (const listener of [...listeners]) listener({ kind, member: changed });
    },
    status: () => ({
      address: "127.0.0.1:7946",
      profile: "local",
      isEncrypted: true,
      label: "blue",
      healthScore: 2,
      ...options.status,
    }),
    counts: () => counts,
    members: () => members,
    hasExchanged: () => options.hasExchanged ?? true,
    onExchanged: () => () => {},
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    join: (addresses) => answer(outcomes, "join", [...addresses]),
    leave: () => answer(undefined, "leave"),
    forget: (name) => answer(undefined, "forget", name),
    listKeys: () => answer(report, "listKeys"),
    addKey: (key) => answer(report, "addKey", key.toHex()),
    useKey: (id) => answer(report, "useKey", id),
    removeKey: (id) => answer(report, "removeKey", id),
  };
}
