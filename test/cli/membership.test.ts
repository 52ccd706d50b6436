/** members, join, leave and keyring against a server whose cluster does what the test says. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { runCli } from "../../src/cli/cli.ts";
import type { CliIo } from "../../src/cli/cli-io.ts";
import { LedgerError } from "../../src/core/errors.ts";
import {
  type FakeCluster,
  fakeCluster,
  type FakeClusterOptions,
  keyReport,
  member,
  stranger,
} from "../support/fake-cluster.ts";
import { type Listening, startListeners } from "../support/ledger-listeners.ts";
import { type MemoryIo, memoryIo, type MemoryIoOptions } from "../support/memory-io.ts";
import { until } from "../support/until.ts";
import { clientTools } from "./client-tools.ts";

let server: Listening | undefined;
let cluster: FakeCluster;

afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
});

async function start(options: FakeClusterOptions = {}): Promise<void> {
  cluster = fakeCluster(options);
  server = await startListeners({ cluster });
}

function withUrl(options: MemoryIoOptions = {}): MemoryIo {
  return memoryIo({ ...options, env: { CONVERGE_LEDGER_URL: `http://127.0.0.1:${server?.httpPort}` } });
}

async function cli(args: readonly string[], options?: MemoryIoOptions) {
  const io = withUrl(options);
  const code = await runCli(args, io, clientTools);
  return { code, out: io.written.out(), err: io.written.err() };
}

const since = "2026-11-23T08:26:42.250000000Z";
const lineOfA = `a\talive\t127.0.0.1:7946\t127.0.0.1:50051\t1.2.3\t${since}\tself\t3/majority\t\n`;
const lineOfStranger = `stranger\tsuspect\t[fd00::5]:1\t-\t-\t${since}\t\t-\t\n`;

describe("members", () => {
  beforeEach(() => start({ members: [member("a", { isSelf: true }), stranger] }));

  test("prints a line for each, columns separated by tabs", async () => {
    expect(await cli(["members"])).toEqual({ code: 0, out: lineOfA + lineOfStranger, err: "" });
  });

  test("prints a table with a heading on a terminal", async () => {
    const { out } = await cli(["members"], { isTerminal: true });
    expect(out).toBe(
      [
        "NAME      STATE    ADDRESS         RPC              VERSION  SINCE                                 COPIES",
        `a         alive    127.0.0.1:7946  127.0.0.1:50051  1.2.3    ${since}  self  3/majority`,
        `stranger  suspect  [fd00::5]:1     -                -        ${since}        -`,
        "",
      ].join("\n"),
    );
  });

  test("prints the answer with --json", async () => {
    const { out } = await cli(["members", "--json"]);
    expect(out.split("\n")).toHaveLength(2);
    expect(JSON.parse(out)).toMatchObject({
      gossip: { on: true, label: "blue" },
      members: [
        { name: "a", isSelf: true },
        { name: "stranger", state: "MEMBER_STATE_SUSPECT" },
      ],
    });
  });

  test("does not let a name act on the terminal", async () => {
    cluster.change("joined", member("\u001b[2J\tx"));
    expect((await cli(["members"])).out).toContain("\n\\u{1b}[2J\\tx\talive\t");
  });

  test("forget asks for it, and says so", async () => {
    expect(await cli(["members", "forget", "b"])).toEqual({ code: 0, out: "forgotten\tb\n", err: "" });
    expect(await cli(["members", "forget", "b", "--json"])).toMatchObject({ out: '{"forgotten":"b"}\n' });
    expect(cluster.asked).toEqual([
      ["forget", "b"],
      ["forget", "b"],
    ]);
  });

  test.each([[[]], [["--json"]]])(
    "--watch prints the members and each change until Ctrl-C, with %p",
    async (flags) => {
      const io = withUrl();
      let interrupt = (): void => {};
      const watching: CliIo = { ...io, onInterrupt: (callback) => ((interrupt = callback), () => {}) };
      const ended = runCli(["members", "--watch", ...flags], watching, clientTools);
      const lines = async (count: number): Promise<string[]> =>
        await until(`${count} lines`, () => {
          const all = io.written.out().split("\n").slice(0, -1);
          return all.length >= count ? all : undefined;
        });
      const listed = flags.length === 0 ? 2 : 3;
      await lines(listed);
      await until("it watches", () => cluster.listeners.size === 1);
      cluster.change("joined", member("c"));
      await lines(listed + 1);
      cluster.change("died", member("c", { state: "dead" }));
      const printed = await lines(listed + 2);
      interrupt();
      expect(await ended).toBe(130);
      expect(io.written.err()).toBe("");
      if (flags.length === 0) {
        const rest = `127.0.0.1:7946\t127.0.0.1:50051\t1.2.3\t${since}\t\t3/majority\t`;
        expect(printed).toEqual([
          lineOfA.slice(0, -1),
          lineOfStranger.slice(0, -1),
          `joined\tc\talive\t${rest}`,
          `died\tc\tdead\t${rest}`,
        ]);
      } else {
        expect(printed.map((line) => JSON.parse(line))).toMatchObject([
          { member: { name: "a" } },
          { member: { name: "stranger" } },
          { complete: {} },
          { change: { kind: "MEMBER_CHANGE_KIND_JOINED", member: { name: "c" } } },
          { change: { kind: "MEMBER_CHANGE_KIND_DIED", member: { name: "c", state: "MEMBER_STATE_DEAD" } } },
        ]);
      }
      await until("nobody watches", () => cluster.listeners.size === 0);
    },
  );
});

describe("a node that does not gossip", () => {
  beforeEach(async () => {
    server = await startListeners();
  });

  test("has one member, and a hint", async () => {
    const { code, out, err } = await cli(["members"]);
    expect([code, out]).toEqual([0, "n-1\talive\t-\t-\t-\t1970-01-01T00:00:00.000000000Z\tself\t-\t\n"]);
    expect(err).toContain("--gossip");
  });

  test.each([
    [["join", "10.0.0.5"]],
    [["leave"]],
    [["members", "forget", "b"]],
    [["keyring", "list"]],
    [["keyring", "use", "0123456789abcdef"]],
  ])("refuses %p with a remedy", async (args) => {
    const { code, out, err } = await cli([...args, "--json"]);
    expect([code, out]).toEqual([1, ""]);
    expect(JSON.parse(err).error).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "GOSSIP_OFF",
      remedy: "start it with --gossip HOST:PORT",
    });
  });
});

describe("join", () => {
  const reached = { address: "10.0.0.5", members: 3, error: undefined };
  const failed = { address: "node.example", members: 0, error: "no\nanswer" };

  test("ends with 0 if one of the addresses was reached", async () => {
    await start({ outcomes: [reached, failed] });
    expect(await cli(["join", "10.0.0.5", "node.example"])).toEqual({
      code: 0,
      out: "10.0.0.5\tjoined\t3\nnode.example\tfailed\tno\\nanswer\n",
      err: "",
    });
    expect(cluster.asked).toEqual([["join", ["10.0.0.5", "node.example"]]]);
  });

  test.each([[[]], [["--json"]]])("ends with 1 if none was reached, with %p", async (flags) => {
    await start({ outcomes: [failed] });
    const { code, out, err } = await cli(["join", "node.example", ...flags]);
    expect(code).toBe(1);
    if (flags.length === 0) {
      expect(out).toBe("node.example\tfailed\tno\\nanswer\n");
      expect(err).toStartWith("error: none of 1 address was reached; check that");
    } else {
      expect(JSON.parse(out)).toEqual({ outcomes: [{ address: "node.example", error: "no\nanswer" }] });
      expect(JSON.parse(err).error).toMatchObject({ code: "UNAVAILABLE", reason: "NONE_JOINED" });
    }
  });

  test("says what is wrong with an address", async () => {
    await start();
    const { code, err } = await cli(["join", "10.0.0.5:0"]);
    expect([code, err]).toEqual([1, expect.stringContaining('"10.0.0.5:0"')]);
    expect(cluster.asked).toEqual([]);
  });
});

test("leave leaves", async () => {
  await start();
  expect(await cli(["leave"])).toEqual({ code: 0, out: "left\n", err: "" });
  expect(await cli(["leave", "--json"])).toEqual({ code: 0, out: '{"left":true}\n', err: "" });
  expect(cluster.asked).toEqual([["leave"], ["leave"]]);
});

describe("keyring", () => {
  const key = Buffer.alloc(32, 1).toString("base64");
  const id = "0123456789abcdef";

  test("list, add, use and remove print who has which keys", async () => {
    await start();
    const out = `${id}\t2\t1\n`;
    for (const args of [["list"], ["add", key], ["use", id], ["remove", id]])
      expect(await cli(["keyring", ...args])).toEqual({ code: 0, out, err: "" });
    const hexKey = "01".repeat(32);
    expect(cluster.asked).toEqual([["listKeys"], ["addKey", hexKey], ["useKey", id], ["removeKey", id]]);
    const { out: json } = await cli(["keyring", "list", "--json"]);
    expect(JSON.parse(json)).toEqual({ keys: [{ id, members: ["a", "b"], primaryOf: ["a"] }] });
  });

  test.each([[key], [`${key}\n`], [`# of the blue cluster\n\n  ${key}\r\n`]])(
    "add - reads the key from standard input: %p",
    async (input) => {
      await start();
      expect((await cli(["keyring", "add", "-"], { input })).code).toBe(0);
      expect(cluster.asked).toEqual([["addKey", "01".repeat(32)]]);
    },
  );

  test.each([[""], ["# nothing\n"], [`${key}\n${key}\n`], ["secret"], [key.slice(0, -1)]])(
    "add - refuses %p, and does not repeat it",
    async (input) => {
      await start();
      const { code, err } = await cli(["keyring", "add", "-"], { input });
      expect([code, err]).toEqual([1, expect.stringContaining("base64")]);
      expect(err).not.toContain(key.slice(0, 8));
      expect(err).not.toContain("secret");
      expect(cluster.asked).toEqual([]);
    },
  );

  test("ends with 1 and names those who did not do it", async () => {
    const failures = [
      { member: "b", error: "no answer" },
      { member: "c\t", error: "no room" },
    ];
    await start({ report: { ...keyReport, failures } });
    const { code, out, err } = await cli(["keyring", "use", id]);
    expect([code, out]).toEqual([1, `${id}\t2\t1\n`]);
    expect(err).toStartWith("error: 2 members did not do it: b (no answer), c");
    const { err: json } = await cli(["keyring", "use", id, "--json"]);
    expect(JSON.parse(json).error).toMatchObject({ reason: "KEYRING_INCOMPLETE", value: "2" });
  });

  test("ends with 1 if the cluster refuses", async () => {
    const facts = { reason: "GOSSIP_KEY_PRIMARY", remedy: "use another key first" };
    await start({ refusal: new LedgerError("FAILED_PRECONDITION", "the key is in use", facts) });
    expect(await cli(["keyring", "remove", id])).toEqual({
      code: 1,
      out: "",
      err: "error: the key is in use; use another key first\n",
    });
  });
});

describe("keygen --gossip", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(`${tmpdir()}/converge-ledger-keygen-`);
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  test("prints another key of 32 bytes each time", async () => {
    const keys = [await cli(["keygen", "--gossip"]), await cli(["keygen", "--gossip", "-o", "-"])];
    for (const { code, out, err } of keys) {
      expect([code, err]).toEqual([0, ""]);
      expect(out).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
    }
    expect(keys[0]?.out).not.toBe(keys[1]?.out);
  });

  test("tells the id that members give the key", async () => {
    const { id, key } = JSON.parse((await cli(["keygen", "--gossip", "--json"])).out);
    const digest = new Bun.CryptoHasher("sha256").update(Buffer.from(key, "base64")).digest("hex");
    expect(id).toBe(digest.slice(0, 16));
  });

  test("writes a file that its owner alone can read, and never over another", async () => {
    const path = `${folder}/gossip.key`;
    const { code, out, err } = await cli(["keygen", "--gossip", "-o", path]);
    expect([code, err]).toEqual([0, ""]);
    const text = await Bun.file(path).text();
    const digest = new Bun.CryptoHasher("sha256").update(Buffer.from(text, "base64")).digest("hex");
    expect(out).toBe(`${path}, key ${digest.slice(0, 16)}\n`);
    if (process.platform !== "win32") expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await cli(["keygen", "--gossip", "-o", path])).toEqual({
      code: 1,
      out: "",
      err: `error: ${path} exists; choose another name, or remove it first\n`,
    });
    expect(await Bun.file(path).text()).toBe(text);
    const { err: json } = await cli(["keygen", "--gossip", "-o", `${folder}/no/such`, "--json"]);
    expect(JSON.parse(json).error).toMatchObject({ reason: "ENOENT" });
  });
});
