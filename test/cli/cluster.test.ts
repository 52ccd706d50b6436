/** status CTX, forks and groups against a server whose copies are as the test says, and whose groups are real. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { runCli } from "../../src/cli/cli.ts";
import type { CliIo } from "../../src/cli/cli-io.ts";
import { LedgerError } from "../../src/core/errors.ts";
import type {
  ContextStatus,
  CopyStatus,
  ForkStatus,
  ReplicationView,
} from "../../src/rpc/replication-view.ts";
import { fakeCluster, member } from "../support/fake-cluster.ts";
import { type Listening, startListeners } from "../support/ledger-listeners.ts";
import { type MemoryIo, memoryIo, type MemoryIoOptions } from "../support/memory-io.ts";
import { until } from "../support/until.ts";
import { clientTools } from "./client-tools.ts";

let server: Listening;
let status: ContextStatus | undefined;
let forks: readonly ForkStatus[];

const replication: ReplicationView = {
  contextStatus: async () => {
    if (status !== undefined) return status;
    throw new LedgerError("NOT_FOUND", "nobody has it", { reason: "CONTEXT_NOT_FOUND" });
  },
  list: () => Promise.reject(new Error("not asked")),
  forks: async (contextId, limit) =>
    forks.filter((fork) => contextId === undefined || fork.contextId === contextId).slice(0, limit),
};

beforeEach(async () => {
  status = undefined;
  forks = [];
  const cluster = fakeCluster({ members: [member("a", { isSelf: true }), member("b", { state: "dead" })] });
  server = await startListeners({ cluster, replication });
});

afterEach(() => server[Symbol.asyncDispose]());

function withUrl(options: MemoryIoOptions = {}): MemoryIo {
  return memoryIo({ ...options, env: { CONVERGE_LEDGER_URL: `http://127.0.0.1:${server.httpPort}` } });
}

async function cli(args: readonly string[], options?: MemoryIoOptions) {
  const io = withUrl(options);
  const code = await runCli(args, io, clientTools);
  return { code, out: io.written.out(), err: io.written.err() };
}

function copy(latest: number, root = latest): CopyStatus {
  const epochs = { promised: { counter: 2, nodeId: "aa" }, accepted: { counter: 2, nodeId: "aa" } };
  const rest = { leaving: false, pendingArchives: 0 };
  return { latest, committed: latest, root: new Uint8Array(32).fill(root), ...epochs, ...rest };
}

function statusOf(...copies: ContextStatus["holders"][number]["copy"][]): ContextStatus {
  const holders = copies.map((each, index) => ({
    ...{ nodeId: ["aa", "bb", "cc"][index] ?? "", name: ["a", "b\t", undefined][index] },
    ...{ rpcAddress: undefined, state: index === 2 ? undefined : ("alive" as const) },
    ...{ isSelf: index === 0, canWrite: true, copy: each },
  }));
  return { contextId: "ctx", holders, homeNodeId: "aa", copiesRequired: 2, isForked: false, forks: 1 };
}

const root = (byte: number): string => Buffer.alloc(32, byte).toString("hex");

describe("status", () => {
  test("ends with a line about the cluster", async () => {
    const { code, out } = await cli(["status"]);
    expect([code, out]).toEqual([
      0,
      "[+]storage ok\ncluster 1 alive, 1 dead, replicas 3, write copies majority\n",
    ]);
    expect(JSON.parse((await cli(["status", "--json"])).out)).toMatchObject({
      ready: true,
      cluster: { gossip: true, members: { alive: 1, dead: 1 }, replicas: 3, writeCopies: "majority" },
    });
  });

  test("CTX prints a line for each holder, and one for all", async () => {
    status = statusOf(copy(5), copy(3), { error: "no answer\n" });
    expect(await cli(["status", "ctx"])).toEqual({
      code: 0,
      out: [
        `holder\taa\ta\talive\thome\t5\t5\t0\t5:${root(5)}\n`,
        `holder\tbb\tb\\t\talive\t-\t3\t3\t2\t3:${root(3)}\n`,
        "holder\tcc\t-\t-\t-\t-\t-\t-\tno answer\\n\n",
        "ctx\tincomplete\t5\t5\t2@aa\t2\t0\t1\n",
      ].join(""),
      err: "",
    });
    expect(JSON.parse((await cli(["status", "ctx", "--json"])).out)).toMatchObject({
      contextId: "ctx",
      agreement: "COPIES_AGREEMENT_INCOMPLETE",
      holders: [{ nodeId: "aa" }, { nodeId: "bb" }, { error: "no answer\n" }],
    });
  });

  test("CTX ends with 1 if copies differ, with --quiet also if one is short or none is there", async () => {
    const code = async (...flags: string[]): Promise<number> => (await cli(["status", "ctx", ...flags])).code;
    status = statusOf(copy(5), copy(5, 9));
    expect([await code(), await code("--quiet")]).toEqual([1, 1]);
    status = statusOf(copy(5), copy(4));
    expect([await code(), await code("--quiet")]).toEqual([0, 1]);
    status = statusOf(copy(5), copy(5));
    expect([await code(), await code("--quiet")]).toEqual([0, 0]);
    status = undefined;
    expect([await code(), await code("--quiet")]).toEqual([1, 1]);
    expect(await cli(["status", "ctx", "--quiet"])).toMatchObject({ out: "", err: "" });
  });
});

test("forks prints a line for each, of one context or of all", async () => {
  const fork = (contextId: string, isPending: boolean): ForkStatus => ({
    ...{ contextId, after: 7, count: 2, hashes: new Uint8Array(64), foundAtNs: 1n, isPending },
    ...{ winner: { counter: 3, nodeId: "bb" }, loser: { counter: 2, nodeId: "aa" } },
  });
  forks = [fork("x", true), fork("y", false)];
  const line = (what: string): string => `\t7\t2\t3@bb\t2@aa\t1970-01-01T00:00:00.000000001Z\t${what}\n`;
  expect(await cli(["forks"])).toEqual({ code: 0, out: `x${line("pending")}y${line("")}`, err: "" });
  expect((await cli(["forks", "y"])).out).toBe(`y${line("")}`);
  expect((await cli(["forks", "z"])).out).toBe("");
  const [json = ""] = (await cli(["forks", "x", "--json", "--hashes"])).out.split("\n");
  expect(JSON.parse(json)).toMatchObject({ contextId: "x", entries: "2", contentHashes: expect.any(String) });
});

describe("groups", () => {
  /** A member that runs until it is interrupted. */
  function join(...flags: string[]) {
    const io = withUrl();
    let interrupt = (): void => {};
    const running: CliIo = { ...io, onInterrupt: (callback) => ((interrupt = callback), () => {}) };
    const ended = runCli(["groups", "join", "ctx", ...flags], running, clientTools);
    const lines = async (count: number): Promise<string[]> =>
      await until(`${count} lines`, () => {
        const all = io.written.out().split("\n").slice(0, -1);
        return all.length >= count ? all : undefined;
      });
    const stop = async (): Promise<number> => {
      interrupt();
      return await ended;
    };
    return { lines, stop };
  }

  test("join prints who is there, who comes and goes, and what is sent", async () => {
    const a = join("--member-id", "a", "--name", "planner", "--meta", "role=x");
    await a.lines(1);
    const b = join("--member-id", "b");
    await b.lines(2);
    const sent = await cli(["groups", "send", "ctx", "hello\tyou", "--member-id", "b"]);
    expect(sent.out).toMatch(/^[0-9a-f]{32}\t2\n$/);
    expect((await cli(["groups", "send", "ctx", "-", "--json"], { input: "piped" })).out).toContain(
      '"members":2',
    );
    expect(await b.lines(4)).toEqual([
      "member\ta\tplanner",
      "member\tb\t-",
      "message\tb\t-\thello\\tyou",
      "message\t-\t-\tpiped",
    ]);
    expect((await cli(["groups", "members", "ctx"])).out).toMatch(
      /^member\ta\tplanner\t[0-9a-f]{32}\t\S+Z\trole=x\nmember\tb\t-\t\S+\t\S+Z\t\nserver\t[0-9a-f]{32}\ta\t127.0.0.1:50051\talive\thome\n$/,
    );
    expect(await b.stop()).toBe(130);
    expect(await a.lines(5)).toEqual([
      "member\ta\tplanner",
      "joined\tb\t-",
      "message\tb\t-\thello\\tyou",
      "message\t-\t-\tpiped",
      "left\tb\t-",
    ]);
    await a.stop();
  });

  test("join prints events with --json", async () => {
    const a = join("--json");
    const [line = ""] = await a.lines(1);
    const { joined } = JSON.parse(line) as { joined: { memberId: string } };
    expect(joined).toEqual({
      memberId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      members: [expect.objectContaining({ memberId: joined.memberId })],
    } as never);
    await a.stop();
    await until("nobody is there", async () => {
      const { out } = await cli(["groups", "members", "ctx", "--json"]);
      return (JSON.parse(out) as { members?: unknown[] }).members === undefined;
    });
  });

  test.each([
    [["groups"], "missing required argument"],
    [["groups", "leave", "ctx"], "is invalid"],
    [["groups", "members", "ctx", "text"], "takes no TEXT"],
    [["groups", "send", "ctx"], "missing TEXT"],
  ])("%p is wrong usage", async (args, said) => {
    const { code, err } = await cli(args);
    expect([code, err]).toEqual([2, expect.stringContaining(said)]);
  });

  test("send refuses what is too long before it asks, and who is not there", async () => {
    const long = await cli(["groups", "send", "ctx", "-", "--json"], { input: "x".repeat(65_537) });
    expect([long.code, JSON.parse(long.err).error.reason]).toEqual([1, "GROUP_PAYLOAD_TOO_LARGE"]);
    const absent = await cli(["groups", "send", "ctx", "x", "--member-id", "m", "--json"]);
    expect([absent.code, JSON.parse(absent.err).error.reason]).toEqual([1, "GROUP_MEMBER_NOT_FOUND"]);
  });
});

test("append --min-copies asks for copies that are not there", async () => {
  const few = await cli(["append", "ctx", "k", "x", "--min-copies", "2", "--json"]);
  expect([few.code, JSON.parse(few.err).error.reason]).toEqual([1, "TOO_FEW_HOLDERS"]);
  const lines = await cli(["append", "ctx", "k", "--json-lines", "--min-copies", "2"], { input: "{}\n" });
  expect(lines.err).toContain("min_copies is 2");
  expect((await cli(["append", "ctx", "k", "x", "--min-copies", "1"])).code).toBe(0);
});
