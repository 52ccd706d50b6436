import { describe, expect, test } from "bun:test";
import { toJson } from "@bufbuild/protobuf";
import { createClient, createRouterTransport } from "@connectrpc/connect";
import { readFailure } from "../../src/client/failure.ts";
import type { Epoch } from "../../src/core/epoch.ts";
import { limits } from "../../src/core/limits.ts";
import {
  ClusterService,
  CopiesAgreement,
  GetContextStatusResponseSchema,
  ListForksResponseSchema,
} from "../../src/gen/converge/ledger/v1/cluster_pb.ts";
import { createClusterService } from "../../src/rpc/cluster-service.ts";
import { observeCalls } from "../../src/rpc/observe-calls.ts";
import type {
  ContextStatus,
  CopyStatus,
  ForkStatus,
  HolderStatus,
  ReplicationView,
} from "../../src/rpc/replication-view.ts";

const epoch = (counter: number, nodeId = "a"): Epoch => ({ counter, nodeId });
const root = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

function copy(latest: number, rest: Partial<CopyStatus> = {}): CopyStatus {
  const epochs = { promised: epoch(2), accepted: epoch(2) };
  return {
    latest,
    committed: latest,
    root: root(latest),
    ...epochs,
    leaving: false,
    pendingArchives: 0,
    ...rest,
  };
}

function holder(nodeId: string, has: HolderStatus["copy"], rest: Partial<HolderStatus> = {}): HolderStatus {
  const known = { name: `n-${nodeId}`, rpcAddress: `${nodeId}:1`, state: "alive" as const };
  return { nodeId, ...known, isSelf: nodeId === "a", canWrite: true, copy: has, ...rest };
}

function status(holders: readonly HolderStatus[], rest: Partial<ContextStatus> = {}): ContextStatus {
  return {
    contextId: "ctx",
    holders,
    homeNodeId: "a",
    copiesRequired: 2,
    isForked: false,
    forks: 0,
    ...rest,
  };
}

function clientOf(view: Partial<ReplicationView>) {
  const metrics = { operation: () => {}, commit: () => {}, watcher: () => {}, childRestarted: () => {} };
  const whole: ReplicationView = {
    contextStatus: () => Promise.reject(new Error("not asked")),
    list: () => Promise.reject(new Error("not asked")),
    forks: async () => [],
    ...view,
  };
  const transport = createRouterTransport(
    (router) => void router.service(ClusterService, createClusterService(whole)),
    { router: { interceptors: [observeCalls(metrics)] } },
  );
  return createClient(ClusterService, transport);
}

describe("GetContextStatus", () => {
  test("answers all that holders say, and who did not", async () => {
    const holders = [
      holder("a", copy(5, { committed: 4, promised: epoch(3, "b") })),
      holder("b", copy(3, { accepted: epoch(1), leaving: true, pendingArchives: 2 }), { canWrite: false }),
      holder("c", { error: "no answer" }, { name: undefined, rpcAddress: undefined, state: undefined }),
    ];
    const client = clientOf({ contextStatus: async () => status(holders, { forks: 7 }) });
    const answer = await client.getContextStatus({ contextId: "ctx" });
    const bytes = (byte: number): string => Buffer.from(root(byte)).toString("base64");
    expect(toJson(GetContextStatusResponseSchema, answer)).toEqual({
      status: {
        contextId: "ctx",
        homeNodeId: "a",
        epoch: { counter: "2", nodeId: "a" },
        latestSequence: "5",
        committedSequence: "4",
        copiesRequired: 2,
        agreement: "COPIES_AGREEMENT_INCOMPLETE",
        pendingArchives: 2,
        forks: 7,
        holders: [
          {
            ...{
              nodeId: "a",
              name: "n-a",
              rpcAddress: "a:1",
              state: "MEMBER_STATE_ALIVE",
              isHome: true,
              isSelf: true,
            },
            copy: {
              ...{ latestSequence: "5", committedSequence: "4", root: bytes(5) },
              promised: { counter: "3", nodeId: "b" },
              accepted: { counter: "2", nodeId: "a" },
            },
          },
          {
            ...{ nodeId: "b", name: "n-b", rpcAddress: "b:1", state: "MEMBER_STATE_ALIVE", readOnly: true },
            copy: {
              ...{ latestSequence: "3", committedSequence: "3", root: bytes(3), lag: "2", leaving: true },
              promised: { counter: "2", nodeId: "a" },
              accepted: { counter: "1", nodeId: "a" },
              pendingArchives: 2,
            },
          },
          { nodeId: "c", error: "no answer" },
        ],
      },
    });
  });

  const cases: [string, ContextStatus, CopiesAgreement][] = [
    ["equal", status([holder("a", copy(2)), holder("b", copy(2))]), CopiesAgreement.EQUAL],
    ["one alone", status([holder("a", copy(2))]), CopiesAgreement.EQUAL],
    ["shorter", status([holder("a", copy(2)), holder("b", copy(1))]), CopiesAgreement.INCOMPLETE],
    ["silent", status([holder("a", copy(2)), holder("b", { error: "x" })]), CopiesAgreement.INCOMPLETE],
    [
      "other",
      status([holder("a", copy(2)), holder("b", copy(2, { root: root(9) }))]),
      CopiesAgreement.DIFFERENT,
    ],
    [
      "other and silent",
      status([holder("a", copy(2)), holder("c", { error: "x" }), holder("b", copy(2, { root: root(9) }))]),
      CopiesAgreement.DIFFERENT,
    ],
    [
      "known to differ",
      status([holder("a", copy(2)), holder("b", copy(1))], { isForked: true }),
      CopiesAgreement.DIFFERENT,
    ],
  ];
  test.each(cases)("says of copies that are %s how they agree", async (_, given, agreement) => {
    const answer = await clientOf({ contextStatus: async () => given }).getContextStatus({
      contextId: "ctx",
    });
    expect(answer.status?.agreement).toBe(agreement);
  });

  test("has no epoch without a cluster, and no home if none can write", async () => {
    const alone = holder("a", copy(1, { promised: undefined, accepted: undefined }), { canWrite: false });
    const given = status([alone], { homeNodeId: undefined });
    const answer = await clientOf({ contextStatus: async () => given }).getContextStatus({
      contextId: "ctx",
    });
    expect(answer.status).toMatchObject({ homeNodeId: "" });
    expect(answer.status?.epoch).toBeUndefined();
    expect(answer.status?.holders[0]?.isHome).toBe(false);
  });
});

describe("ListForks", () => {
  const fork = (after: number, entries = 2): ForkStatus => ({
    ...{
      contextId: "ctx",
      after,
      winner: epoch(3, "b"),
      loser: epoch(2),
      foundAtNs: 1n,
      isPending: after === 1,
    },
    count: entries,
    hashes: new Uint8Array(32 * entries),
  });

  test("answers one fork as it is, with hashes if they are asked for", async () => {
    const client = clientOf({ forks: async () => [fork(1)] });
    const described = {
      ...{ contextId: "ctx", afterSequence: "1", entries: "2", foundAtNs: "1", pending: true },
      winner: { counter: "3", nodeId: "b" },
      loser: { counter: "2", nodeId: "a" },
    };
    expect(toJson(ListForksResponseSchema, await client.listForks({}))).toEqual({ forks: [described] });
    const contentHashes = Buffer.alloc(64).toString("base64");
    expect(toJson(ListForksResponseSchema, await client.listForks({ hashes: true }))).toEqual({
      forks: [{ ...described, contentHashes }],
    });
  });

  test("answers page by page, of one context or of all", async () => {
    const all = Array.from({ length: 250 }, (_, index) => fork(index));
    const asked: unknown[] = [];
    const client = clientOf({
      forks: async (contextId, limit) => {
        asked.push([contextId, limit]);
        return all.slice(0, limit);
      },
    });
    const seen: bigint[] = [];
    let pageToken = "";
    do {
      const page = await client.listForks({ contextId: "ctx", pageToken });
      seen.push(...page.forks.map(({ afterSequence }) => afterSequence));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(seen).toEqual(all.map(({ after }) => BigInt(after)));
    await client.listForks({ limit: 1000 });
    expect(asked).toEqual([
      ["ctx", 101],
      ["ctx", 201],
      ["ctx", 301],
      [undefined, 1001],
    ]);
  });

  test("cuts hashes, and pages that they make large", async () => {
    const all = Array.from({ length: 40 }, (_, index) => fork(index, 5000));
    const client = clientOf({ forks: async (_, limit) => all.slice(0, limit) });
    const page = await client.listForks({ hashes: true });
    expect(page.forks[0]).toMatchObject({ entries: 5000n });
    expect(page.forks[0]?.contentHashes).toHaveLength(32 * limits.forkHashesSentMax);
    expect([page.forks.length, page.nextPageToken]).toEqual([16, "16"]);
    expect((await client.listForks({ pageToken: "16" })).forks).toHaveLength(24);
  });
});

const refused: [string, (client: ReturnType<typeof clientOf>) => Promise<unknown>, string][] = [
  ["no context", (client) => client.getContextStatus({}), "CONTEXT_ID_MISSING"],
  [
    "a context that cannot be",
    (client) => client.listForks({ contextId: "a\n" }),
    "CONTEXT_ID_CONTROL_CHARACTER",
  ],
  ["too many contexts", (client) => client.listContextStatus({ limit: 1001 }), "LIMIT_TOO_LARGE"],
  ["too many forks", (client) => client.listForks({ limit: 1001 }), "LIMIT_TOO_LARGE"],
  ["a token nobody gave", (client) => client.listForks({ pageToken: "x" }), "PAGE_TOKEN_INVALID"],
  ["a token beyond all", (client) => client.listForks({ pageToken: "9999999" }), "PAGE_TOKEN_INVALID"],
];
test.each(refused)("refuses %s", async (_, call, reason) => {
  const failure = readFailure(await call(clientOf({})).catch((error: unknown) => error));
  expect([failure.code, failure.reason]).toEqual(["INVALID_ARGUMENT", reason]);
});
