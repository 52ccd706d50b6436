import { describe, expect, test } from "bun:test";
import { ConfigError, type ConfigInput, resolveConfig } from "../../src/config.ts";

const nothing: ConfigInput = { flags: {}, env: {} };
const loopback = { host: "127.0.0.1", port: 7946 };

function resolved(input: Partial<ConfigInput>) {
  return resolveConfig("server", { ...nothing, ...input });
}

/** Returns `field: message` of every problem. */
function problems(input: Partial<ConfigInput>): string[] {
  try {
    resolved(input);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).problems.map(({ field, message }) => `${field}: ${message}`);
  }
  return [];
}

describe("--join alone turns gossip on at 127.0.0.1:7946,", () => {
  const cases: [string, Partial<ConfigInput>, source: string][] = [
    ["as a flag", { flags: { join: ["127.0.0.2"] } }, "--join"],
    ["in the environment", { env: { CONVERGE_LEDGER_JOIN: "localhost:1" } }, "CONVERGE_LEDGER_JOIN"],
    ["in the file", { file: { path: "l.toml", text: 'join = ["[::1]:2"]' } }, "l.toml: join"],
    ["as CLUSTER_NODES", { env: { CLUSTER_NODES: "ledger@127.0.0.3" } }, "CLUSTER_NODES"],
  ];
  test.each(cases)("%s", (_, input, source) => {
    const { config, settings } = resolved(input);
    expect(config.gossip).toEqual(loopback);
    const setting = settings.find(({ field }) => field.name === "gossip");
    expect([setting?.text, setting?.source]).toEqual(["127.0.0.1:7946", source]);
  });

  test("and not if it is off", () => {
    expect(resolved({}).config.gossip).toBeUndefined();
    expect(resolved({ file: { path: "l.toml", text: "join = []" } }).config.gossip).toBeUndefined();
  });

  test("and leaves --gossip as it is", () => {
    const flags = { gossip: "127.0.0.2:1", join: ["127.0.0.1"] };
    expect(resolved({ flags }).config.gossip).toEqual({ host: "127.0.0.2", port: 1 });
  });
});

describe("CLUSTER_NODES", () => {
  test.each([
    ["ledger@10.0.0.5,ledger@10.0.0.6:1", ["10.0.0.5:7946", "10.0.0.6:1"]],
    [" a@node-1 , node-2 ,", ["node-1:7946", "node-2:7946"]],
    ["a@b@[fd00::5]:9", ["[fd00::5]:9"]],
    ["a@x,b@x", ["x:7946"]],
  ])("%p names hosts", (text, join) => {
    const flags = { gossip: "10.0.0.1:1", insecure: true };
    expect(resolved({ flags, env: { CLUSTER_NODES: text } }).config.join).toEqual(join);
  });

  test("counts below CONVERGE_LEDGER_JOIN and above the file, and not without text", () => {
    const file = { path: "l.toml", text: 'join = ["127.0.0.4"]' };
    expect(resolved({ env: { CLUSTER_NODES: "127.0.0.3" }, file }).config.join).toEqual(["127.0.0.3:7946"]);
    const env = { CLUSTER_NODES: "127.0.0.3", CONVERGE_LEDGER_JOIN: "127.0.0.2" };
    expect(resolved({ env }).config.join).toEqual(["127.0.0.2:7946"]);
    expect(resolved({ env: { CLUSTER_NODES: "" } }).config.join).toEqual([]);
  });

  test.each([",", "a@", "a b", "x:y"])("%p is refused in its own words", (text) => {
    const [problem, ...others] = problems({ env: { CLUSTER_NODES: text } });
    expect(others).toEqual([]);
    expect(problem).toStartWith("join: CLUSTER_NODES: cannot use ");
    expect(problem).toContain("write it like ledger@10.0.0.5,ledger@10.0.0.6, or set CONVERGE_LEDGER_JOIN");
  });
});

describe("gossip is refused", () => {
  const cases: [string, Record<string, unknown>, string][] = [
    [
      "off loopback without a key",
      { gossip: "10.0.0.1:7946" },
      'gossip: --gossip: refused to gossip on 10.0.0.1:7946, which other machines can reach, without a key; make one with "converge-ledger keygen --gossip -o gossip.key" and give every node --gossip-key-file gossip.key, or give --insecure to let everybody join',
    ],
    [
      "everywhere without a key",
      { gossip: "[::]:7946" },
      "gossip: --gossip: refused to gossip on [::]:7946, which other machines can reach, without a key",
    ],
    [
      "to other machines without --gossip",
      { join: ["127.0.0.2", "10.0.0.5"] },
      "join: --join: a node that gossips on loopback cannot reach 10.0.0.5:7946; give --gossip HOST:PORT",
    ],
    [
      "to names without --gossip",
      { join: ["node.example"] },
      "join: --join: a node that gossips on loopback cannot reach node.example:7946; give --gossip HOST:PORT",
    ],
    [
      "from loopback to another machine",
      { gossip: "127.0.0.1:1", join: ["[fd00::5]"] },
      "join: --join: a node that gossips on 127.0.0.1:1 cannot reach [fd00::5]:7946",
    ],
    [
      "under an address that is everybody's",
      { gossip: "127.0.0.1:1", gossipAdvertise: "0.0.0.0:1" },
      "gossipAdvertise: --gossip-advertise: nobody can be reached at 0.0.0.0:1",
    ],
    [
      "on the port of gRPC",
      { gossip: "127.0.0.1:50051" },
      "gossip: --gossip: 127.0.0.1:50051 is taken by --grpc; give the listeners different ports",
    ],
    [
      "on the port of HTTP, that --join implies",
      { http: "127.0.0.1:7946", join: ["127.0.0.2"] },
      "gossip: --join: 127.0.0.1:7946 is taken by --http",
    ],
    [
      "everywhere on the port of HTTP",
      { gossip: "0.0.0.0:8080", gossipKeyFile: "k" },
      "gossip: --gossip: 0.0.0.0:8080 is taken by --http",
    ],
  ];
  test.each(cases)("%s", (_, flags, message) => {
    const [problem, ...others] = problems({ flags });
    expect(others).toEqual([]);
    expect(problem).toStartWith(message);
  });

  const allowed: [string, Record<string, unknown>][] = [
    ["off loopback with a key", { gossip: "10.0.0.1:7946", gossipKeyFile: "k" }],
    ["off loopback without a key, if the operator says so", { gossip: "0.0.0.0:7946", insecure: true }],
    ["on loopback without a key", { gossip: "[::1]:7946", join: ["127.0.0.2", "localhost:1"] }],
    ["from loopback to a name, which may be loopback", { gossip: "127.0.0.1:1", join: ["node-b"] }],
    ["on a port of the system's choice", { gossip: "127.0.0.1:0", grpc: "127.0.0.1:0" }],
    [
      "under another address, at the port that was chosen",
      { gossip: "127.0.0.1:0", gossipAdvertise: "127.0.0.2:0" },
    ],
    ["on another address at the same port", { gossip: "127.0.0.2:50051" }],
  ];
  test.each(allowed)("not %s", (_, flags) => {
    expect(problems({ flags })).toEqual([]);
  });
});

test("settings of gossip are told to be of no use while gossip is off", () => {
  const flags = { gossipKeyFile: "k", gossipAdvertise: "10.0.0.1:1" };
  const env = { CONVERGE_LEDGER_GOSSIP_LABEL: "blue" };
  const unused = (source: string) => `${source} is not used: there is no gossip without --gossip or --join`;
  expect(resolved({ flags, env }).warnings).toEqual([
    unused("--gossip-advertise"),
    unused("--gossip-key-file"),
    unused("CONVERGE_LEDGER_GOSSIP_LABEL"),
  ]);
  expect(resolved({ flags: { ...flags, gossip: "127.0.0.1:1" }, env }).warnings).toEqual([]);
  expect(resolved({ flags: { join: ["127.0.0.1"], gossipTiming: "wan" } }).warnings).toEqual([]);
});
