import { describe, expect, test } from "bun:test";
import { runCli } from "../../src/cli/cli.ts";
import { ClosedPipeError } from "../../src/cli/cli-io.ts";
import type { Resolved } from "../../src/config.ts";
import { clientTools } from "./client-tools.ts";
import { type MemoryIo, memoryIo, type MemoryIoOptions } from "../support/memory-io.ts";

const commands = [
  "serve",
  "append",
  "get",
  "tail",
  "ls",
  "snapshot",
  "load",
  "prove",
  "verify",
  "checkpoint",
  "key",
  "keygen",
  "status",
  "forks",
  "groups",
  "members",
  "join",
  "leave",
  "keyring",
  "config",
  "completion",
  "version",
];

describe("runCli()", () => {
  test("without arguments shows three lines to copy and ends with 0", async () => {
    const { code, io } = await run([]);
    expect(code).toBe(0);
    expect(io.written.out().match(/^ {2}converge-ledger /gm)).toHaveLength(3);
    expect(io.written.err()).toBe("");
  });

  test.each([["help"], ["--help"], ["-h"]])("%s names every command on standard output", async (word) => {
    const { code, io } = await run([word]);
    expect(code).toBe(0);
    for (const command of commands) expect(io.written.out()).toContain(`  ${command} `);
    expect(io.written.out()).toContain("Examples:");
  });

  test.each(commands.map((command) => [command]))(
    "%s --help has its usage on standard output",
    async (command) => {
      const { code, io } = await run([command, "--help"]);
      expect(code).toBe(0);
      expect(io.written.out()).toStartWith(`Usage: converge-ledger ${command}`);
      expect(io.written.err()).toBe("");
    },
  );

  test.each([
    ["an unknown command", ["apend"], "Did you mean append?"],
    ["an unknown option", ["get", "demo", "--afer", "1"], "Did you mean --after?"],
    ["a missing argument", ["get"], "missing required argument 'CTX'"],
    ["one argument too many", ["get", "a", "b"], "too many arguments"],
    ["a number that is none", ["get", "a", "--after", "x"], '"x" is not a whole number'],
    ["an unknown format", ["get", "a", "--format", "xml"], "Allowed choices are text, json, raw"],
    ["an address that is none", ["get", "a", "--url", "foo"], "http://127.0.0.1:8080"],
    ["a payload and a file", ["append", "c", "k", "p", "-i", "f"], "exclude each other"],
    ["no payload", ["append", "c", "k"], "missing PAYLOAD"],
    ["no key", ["append", "c"], "missing KEY"],
    ["metadata without a name", ["append", "c", "k", "p", "--meta", "x"], "not name=value"],
    [
      "options of one entry for many",
      ["append", "c", "--json-lines", "--meta", "a=1"],
      "belong into the lines",
    ],
    ["a payload for many", ["append", "c", "k", "p", "--json-lines"], "from its lines"],
    ["no file for a snapshot", ["snapshot", "c"], "--output"],
    ["nothing to prove", ["prove"], "missing CTX@SEQ"],
    ["a size that is none", ["prove", "c", "--from", "-1"], "not a whole number"],
    ["nothing to verify", ["verify"], "missing FILE or CTX"],
    ["evidence without a key", ["verify", "c", "--payload", "p"], "missing --key"],
    ["a key that is none", ["verify", "c", "--key", "nokey"], "no verifier key"],
    ["no context for a checkpoint", ["checkpoint"], "--node"],
    ["a context and the log of logs", ["checkpoint", "c", "--node"], "and not both"],
    ["a key that is new and old", ["keygen", "--rotate", "--retire"], "exclude each other"],
    ["a root that is none", ["load", "c", "f", "--expect-root", "12"], "ENTRIES:ROOT"],
    ["an unknown action on members", ["members", "kick"], "Allowed choices are forget"],
    ["nobody to forget", ["members", "forget"], "missing NAME"],
    ["a watch that forgets", ["members", "forget", "n-1", "--watch"], "exclude each other"],
    ["nothing to join", ["join"], "missing required argument 'ADDR'"],
    ["an unknown action on keys", ["keyring", "rotate"], "Allowed choices are list, add, use, remove"],
    ["a list of one key", ["keyring", "list", "x"], "takes no KEY"],
    ["no key to add", ["keyring", "add"], "missing KEY"],
    ["no key to use", ["keyring", "use"], "missing KEY"],
    ["a gossip key that is none", ["keyring", "add", "c2hvcnQ="], "KEY is not a key of 16, 24 or 32 bytes"],
    ["a gossip key that is rotated", ["keygen", "--gossip", "--rotate"], "use keyring"],
    ["a file for no gossip key", ["keygen", "-o", "f"], "needs --gossip"],
    ["gossip that everybody reaches", ["serve", "--gossip", "0.0.0.0:7946"], "keygen --gossip"],
    ["an unknown shell", ["completion", "tcsh"], "Allowed choices are bash"],
    ["a bind that everybody reaches", ["serve", "--http", "0.0.0.0:80"], "--insecure"],
  ])("%s ends with 2 and says so on standard error", async (_, args, message) => {
    const { code, io } = await run(args);
    expect(code).toBe(2);
    expect(io.written.err()).toContain(message);
    expect(io.written.out()).toBe("");
  });

  test.each([
    [["get", "--json"], "missing required argument"],
    [["get", "a", "--json", "--after", "x"], "not a whole number"],
    [["config", "--json", "--grpc", "x"], "--grpc"],
  ])("%p reports wrong usage as one JSON object", async (args, message) => {
    const { code, io } = await run(args);
    expect(code).toBe(2);
    const { error } = JSON.parse(io.written.err());
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(message) });
    expect(io.written.err().split("\n")).toHaveLength(2);
  });

  test("a snapshot to a terminal is refused", async () => {
    const { code, io } = await run(["snapshot", "c", "-o", "-"], { isTerminal: true });
    expect(code).toBe(2);
    expect(io.written.err()).toContain("terminal");
  });

  test("version prints the version, as JSON if asked", async () => {
    expect((await run(["version"])).io.written.out()).toMatch(/^converge-ledger \S+ \(\S+\)\n$/);
    const json = JSON.parse((await run(["version", "--json"])).io.written.out());
    expect(Object.keys(json)).toEqual(["version", "commit"]);
  });

  test("config tells where each value comes from", async () => {
    const env = { CONVERGE_LEDGER_DATA: "/srv/ledger", GRPC_PORT: "6000" };
    const { io } = await run(["config", "--http", "127.0.0.1:9000", "--json"], { env });
    const { settings } = JSON.parse(io.written.out());
    const sources = Object.fromEntries(
      settings.map(({ name, text, from, source }: Record<string, string>) => [name, [text, from, source]]),
    );
    expect(sources).toMatchObject({
      data: ["/srv/ledger", "environment", "CONVERGE_LEDGER_DATA"],
      grpc: ["127.0.0.1:6000", "environment", "GRPC_PORT"],
      http: ["127.0.0.1:9000", "flag", "--http"],
      "drain-ms": ["10000", "default", "default"],
      url: ["http://127.0.0.1:8080", "default", "default"],
    });
  });

  test("config prints a line for each setting, and warnings elsewhere", async () => {
    const { io } = await run(["config"], { env: { CONVERGE_LEDGER_DATTA: "x" } });
    expect(io.written.out()).toContain("data\t./ledger-data\tdefault\n");
    expect(io.written.err()).toContain("CONVERGE_LEDGER_DATTA");
  });

  test("serve hands the settings on, and ends with the server's exit code", async () => {
    const served: Resolved<"server">[] = [];
    const io = memoryIo();
    const code = await runCli(
      ["serve", "--data", "d", "--cors-origin", "http://a", "--cors-origin", "http://b", "--insecure"],
      io,
      {
        ...clientTools,
        serve: (settings) => {
          served.push(settings);
          return Promise.resolve(1);
        },
      },
    );
    expect(code).toBe(1);
    expect(served[0]?.config).toMatchObject({
      data: "d",
      corsOrigin: ["http://a", "http://b"],
      insecure: true,
    });
    expect(io.written.err()).toBe("");
  });

  test("a reader that went away is no failure", async () => {
    const io = memoryIo();
    const stdout = { isTerminal: false, write: () => Promise.reject(new ClosedPipeError("gone")) };
    expect(await runCli(["version"], { ...io, stdout }, clientTools)).toBe(0);
    expect(io.written.err()).toBe("");
  });

  test.each([
    ["that is missing", "/nowhere/ledger.toml", "ENOENT"],
    ["without a name", "", "ENOENT"],
    ["that is a directory", import.meta.dir, "EISDIR"],
  ])("a settings file %s ends with 2 and names the flag and the path", async (_, path, reason) => {
    for (const command of ["config", "ls", "serve"]) {
      const { code, io } = await run([command, "--config", path]);
      expect(code).toBe(2);
      expect(io.written.err()).toStartWith(
        `error: --config: cannot read ${JSON.stringify(path)} (${reason}: `,
      );
      expect(io.written.out()).toBe("");
    }
    const { io } = await run(["ls"], { env: { CONVERGE_LEDGER_CONFIG: import.meta.dir } });
    expect(io.written.err()).toStartWith("error: CONVERGE_LEDGER_CONFIG: cannot read ");
  });

  test("a settings file that cannot be read is reported as JSON if asked", async () => {
    const { io } = await run(["config", "--json", "--config", "/nowhere/ledger.toml"]);
    expect(JSON.parse(io.written.err()).error).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "CONFIG",
      field: "config",
      value: "/nowhere/ledger.toml",
    });
  });
});

async function run(
  args: readonly string[],
  options: MemoryIoOptions = {},
): Promise<{ code: number; io: MemoryIo }> {
  const io = memoryIo(options);
  return { code: await runCli(args, io, clientTools), io };
}
