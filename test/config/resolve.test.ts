import { describe, expect, test } from "bun:test";
import {
  ConfigError,
  configFile,
  type ConfigInput,
  type ConfigProblem,
  fields,
  type NamedFile,
  resolveConfig,
  type Scope,
} from "../../src/config.ts";

const nothing: ConfigInput = { flags: {}, env: {} };

const serverDefaults = {
  data: "./ledger-data",
  grpc: { host: "127.0.0.1", port: 50_051 },
  http: { host: "127.0.0.1", port: 8080 },
  tlsCert: undefined,
  tlsKey: undefined,
  insecure: false,
  gossip: undefined,
  gossipAdvertise: undefined,
  join: [],
  gossipKeyFile: undefined,
  gossipLabel: "",
  gossipTiming: "lan",
  replicas: 3,
  writeCopies: "majority",
  corsOrigin: [],
  allowHost: [],
  watchHeartbeatMs: 15_000,
  logName: "converge.local",
  nodeName: undefined,
  logIntervalMs: 10_000,
  drainMs: 10_000,
  scrubRate: 1000,
  logLevel: "info",
  logFormat: "auto",
};

function server(input: Partial<ConfigInput>) {
  return resolveConfig("server", { ...nothing, ...input }).config;
}

function toml(text: string): Partial<ConfigInput> {
  return { file: { path: "l.toml", text } };
}

function problemsOf(scope: Scope, input: Partial<ConfigInput>): readonly ConfigProblem[] {
  try {
    resolveConfig(scope, { ...nothing, ...input });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).problems;
  }
  throw new Error("no ConfigError");
}

describe("resolveConfig()", () => {
  test("gives every default if nothing is set", () => {
    expect(resolveConfig("server", nothing).config).toEqual(serverDefaults as never);
    expect(resolveConfig("client", nothing).config).toEqual({
      url: "http://127.0.0.1:8080",
      timeoutMs: 30_000,
    });
  });

  test("gives a frozen object with frozen values", () => {
    const config = server({ flags: { corsOrigin: ["*"] } });
    expect([config, config.grpc, config.corsOrigin].every((value) => Object.isFrozen(value))).toBe(true);
  });

  test("takes the flag before the environment before the file before the default, and says which", () => {
    const flags = { grpc: "127.0.0.1:1", http: undefined };
    const env = {
      CONVERGE_LEDGER_GRPC: "127.0.0.1:2",
      CONVERGE_LEDGER_HTTP: "127.0.0.1:3",
      CONVERGE_LEDGER_DATA: "",
    };
    const file = { path: "l.toml", text: 'grpc = "bad"\nhttp = "127.0.0.1:4"\ndata = "/srv"\n' };
    const { config, settings } = resolveConfig("server", { flags, env, file });
    expect(config).toEqual({
      ...serverDefaults,
      grpc: { host: "127.0.0.1", port: 1 },
      http: { host: "127.0.0.1", port: 3 },
      data: "/srv",
    } as never);
    const sources = settings.map(({ field, text, from, source }) => [field.name, text, from, source]);
    expect(sources.slice(0, 4)).toEqual([
      ["data", "/srv", "file", "l.toml: data"],
      ["grpc", "127.0.0.1:1", "flag", "--grpc"],
      ["http", "127.0.0.1:3", "environment", "CONVERGE_LEDGER_HTTP"],
      ["tlsCert", undefined, "default", "default"],
    ]);
  });

  test("reads every setting from flags, environment and file alike", () => {
    const texts: Record<string, [flag: unknown, env: string, file: string]> = {
      data: ["/d", "/d", '"/d"'],
      grpc: ["0.0.0.0:0", "0.0.0.0:0", '"0.0.0.0:0"'],
      http: ["[::1]:81", "[::1]:81", '"[::1]:81"'],
      "tls-cert": ["c.pem", "c.pem", '"c.pem"'],
      "tls-key": ["k.pem", "k.pem", '"k.pem"'],
      insecure: [true, "1", "true"],
      gossip: ["10.0.0.1:7946", "10.0.0.1:7946", '"10.0.0.1:7946"'],
      "gossip-advertise": ["203.0.113.7:1", "203.0.113.7:1", '"203.0.113.7:1"'],
      join: [
        ["Node.example", "[fd00::5]:9"],
        "node.example, [fd00::5]:9",
        '["node.example:7946", "[FD00::5]:9"]',
      ],
      "gossip-key-file": ["g.key", "g.key", '"g.key"'],
      "gossip-label": ["blue", "blue", '"blue"'],
      "gossip-timing": ["wan", "wan", '"wan"'],
      replicas: ["5", "5", "5"],
      "write-copies": ["all", "all", '"all"'],
      "cors-origin": [["https://a.example", "*"], "https://a.example, *", '["https://a.example", "*"]'],
      "allow-host": [["LEDGER.example"], "ledger.example", '["Ledger.Example"]'],
      "watch-heartbeat-ms": ["100", "100", "100"],
      "log-name": ["logs.example/a", "logs.example/a", '"logs.example/a"'],
      "node-name": ["n-1", "n-1", '"n-1"'],
      "log-interval-ms": ["100", "100", "100"],
      "drain-ms": ["0", "0", "0"],
      "scrub-rate": ["0", "0", "0"],
      "log-level": ["debug", "debug", '"debug"'],
      "log-format": ["json", "json", '"json"'],
    };
    const serverFields = fields.filter(({ scope }) => scope === "server");
    expect(Object.keys(texts)).toEqual(serverFields.map(({ fileKey }) => fileKey));
    const flags = Object.fromEntries(serverFields.map(({ name, fileKey }) => [name, texts[fileKey]?.[0]]));
    const env = Object.fromEntries(serverFields.map((field) => [field.env, texts[field.fileKey]?.[1]]));
    const text = Object.entries(texts).map(([key, [, , value]]) => `${key} = ${value}\n`);
    const expected = {
      data: "/d",
      grpc: { host: "0.0.0.0", port: 0 },
      http: { host: "::1", port: 81 },
      tlsCert: "c.pem",
      tlsKey: "k.pem",
      insecure: true,
      gossip: { host: "10.0.0.1", port: 7946 },
      gossipAdvertise: { host: "203.0.113.7", port: 1 },
      join: ["node.example:7946", "[fd00::5]:9"],
      gossipKeyFile: "g.key",
      gossipLabel: "blue",
      gossipTiming: "wan",
      replicas: 5,
      writeCopies: "all",
      corsOrigin: ["https://a.example", "*"],
      allowHost: ["ledger.example"],
      watchHeartbeatMs: 100,
      logName: "logs.example/a",
      nodeName: "n-1",
      logIntervalMs: 100,
      drainMs: 0,
      scrubRate: 0,
      logLevel: "debug",
      logFormat: "json",
    };
    expect(server({ flags })).toEqual(expected as never);
    expect(server({ env })).toEqual(expected as never);
    expect(server(toml(text.join("")))).toEqual(expected as never);
  });

  test("takes GRPC_PORT as a port on loopback, below CONVERGE_LEDGER_GRPC and above the file", () => {
    const file = { path: "l.toml", text: 'grpc = "127.0.0.1:4"' };
    expect(server({ env: { GRPC_PORT: "6000" }, file }).grpc).toEqual({ host: "127.0.0.1", port: 6000 });
    const env = { GRPC_PORT: "6000", CONVERGE_LEDGER_GRPC: "127.0.0.1:7000" };
    expect(server({ env }).grpc.port).toBe(7000);
    expect(server({ env: { GRPC_PORT: "" } }).grpc.port).toBe(50_051);
  });

  const flagCases: [string, string, unknown][] = [
    ["grpc", "localhost:1", { host: "localhost", port: 1 }],
    ["grpc", "[0:0:0:0:0:0:0:1]:1", { host: "::1", port: 1 }],
    ["grpc", "127.1:1", { host: "127.0.0.1", port: 1 }],
    ["http", "LocalHost:65535", { host: "localhost", port: 65_535 }],
    ["allowHost", "[FE80::1]", ["[fe80::1]"]],
    ["corsOrigin", "https://A.example:443", ["https://a.example"]],
    ["corsOrigin", "http://[::1]:3000/", ["http://[::1]:3000"]],
  ];
  for (const [name, value, expected] of flagCases) {
    test(`reads ${name} ${value}`, () => {
      expect(server({ flags: { [name]: value } })[name as "grpc"]).toEqual(expected as never);
    });
  }

  test("cuts slashes off the end of a URL and keeps its path", () => {
    const { config } = resolveConfig("client", { flags: { url: "https://ledger.example/api//" }, env: {} });
    expect(config.url).toBe("https://ledger.example/api");
  });

  const badFlags: [Scope, string, unknown][] = [
    ...[
      "",
      "8080",
      ":8080",
      "127.0.0.1",
      "127.0.0.1:",
      "127.0.0.1:65536",
      "127.0.0.1:-1",
      "127.0.0.1:1x",
    ].map((value): [Scope, string, unknown] => ["server", "http", value]),
    ...[
      "::1:80",
      "[::1]80",
      "[::g]:80",
      "[127.0.0.1]:80",
      "a b:80",
      "u@h:80",
      "a/b:80",
      "300.1.1.1:80",
      "a%41:80",
    ].map((value): [Scope, string, unknown] => ["server", "grpc", value]),
    ["server", "data", ""],
    ["server", "data", "a\0b"],
    ["server", "insecure", "yes"],
    ["server", "drainMs", "-1"],
    ["server", "drainMs", "1.5"],
    ["server", "drainMs", "1e3"],
    ["server", "drainMs", " 1"],
    ["server", "drainMs", "600001"],
    ["server", "scrubRate", "-1"],
    ["server", "scrubRate", "0.5"],
    ["server", "scrubRate", "10000001"],
    ["server", "watchHeartbeatMs", "99"],
    ["server", "logLevel", "INFO"],
    ["server", "logFormat", "xml"],
    ["server", "grpc", ["127.0.0.1:1", "127.0.0.1:2"]],
    ["server", "allowHost", ["a.example:80"]],
    ["server", "allowHost", [""]],
    ["server", "gossip", "10.0.0.1"],
    ["server", "gossipAdvertise", "node"],
    ["server", "gossipTiming", "slow"],
    ["server", "gossipLabel", "a\nb"],
    ["server", "gossipLabel", "x".repeat(256)],
    ...[[""], ["a b"], ["a:0"], ["a:65536"], ["a:"], ["n@a"], ["[::1"], ["http://a"]].map(
      (value): [Scope, string, unknown] => ["server", "join", value],
    ),
    ["server", "corsOrigin", ["a.example"]],
    ["server", "corsOrigin", ["https://a.example/path"]],
    ["server", "corsOrigin", ["https://u:p@a.example"]],
    ["server", "corsOrigin", ["file:///x"]],
    ["server", "corsOrigin", ["null"]],
    ["client", "url", "127.0.0.1:8080"],
    ["client", "url", "ftp://a.example"],
    ["client", "url", "http://u:p@a.example"],
    ["client", "url", "http://a.example?x"],
    ["client", "timeoutMs", "0"],
  ];
  for (const [scope, name, value] of badFlags) {
    test(`refuses ${name} ${JSON.stringify(value)}`, () => {
      const problems = problemsOf(scope, { flags: { [name]: value } });
      const field = fields.find((each) => each.name === name);
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatchObject({
        field: name,
        source: field?.flag,
        value: String(value),
        accepts: field?.kind.accepts,
        remedy: expect.stringMatching(/^\w/),
      });
      expect(problems[0]?.message).toStartWith(`${field?.flag}: cannot use `);
    });
  }

  const badFiles: [string, string, string][] = [
    ["text that is not TOML", "grpc = \n", "l.toml: not TOML: Missing value after '='"],
    ["an unknown key", "grcp = 1", 'l.toml: unknown setting "grcp"; use one of data, grpc, http'],
    ["a table", "[server]\nx = 1", 'l.toml: unknown setting "server"'],
    ["__proto__", "__proto__ = 1", 'l.toml: unknown setting "__proto__"'],
    ["a number where text belongs", "grpc = 50051", 'l.toml: grpc: cannot use "50051"'],
    ["text where a number belongs", 'drain-ms = "5"', 'l.toml: drain-ms: cannot use "5"'],
    ["a fraction", "drain-ms = 1.5", 'l.toml: drain-ms: cannot use "1.5"'],
    ["text where true belongs", 'insecure = "true"', 'l.toml: insecure: cannot use "true"'],
    ["text where a list belongs", 'cors-origin = "*"', 'l.toml: cors-origin: cannot use "*"'],
    ["a list of numbers", "allow-host = [1]", 'l.toml: allow-host: cannot use "[1]"'],
    ["a date", "data = 2026-01-01T00:00:00Z", "l.toml: data: cannot use "],
  ];
  for (const [name, text, message] of badFiles) {
    test(`refuses a file with ${name}`, () => {
      const problems = problemsOf("server", toml(text));
      expect(problems).toHaveLength(1);
      expect(problems[0]?.message).toStartWith(message);
    });
  }

  const badTogether: [string, Record<string, unknown>, [field: string, message: string][]][] = [
    [
      "a certificate without a key",
      { tlsCert: "c" },
      [["tlsCert", "--tls-cert: --tls-cert needs --tls-key"]],
    ],
    ["a key without a certificate", { tlsKey: "k" }, [["tlsKey", "--tls-key: --tls-key needs --tls-cert"]]],
    [
      "listeners that other machines can reach",
      { grpc: "0.0.0.0:1", http: "[::]:2" },
      [
        ["grpc", "--grpc: refused to listen on 0.0.0.0:1"],
        ["http", "--http: refused to listen on [::]:2"],
      ],
    ],
    [
      "a name that is not localhost",
      { http: "ledger.example:80" },
      [["http", "--http: refused to listen on"]],
    ],
    [
      "one port for two listeners",
      { grpc: "127.0.0.1:9", http: "127.0.0.1:9" },
      [["http", "--http: 127.0.0.1:9 is taken by --grpc"]],
    ],
    [
      "one port for a listener on one address and one on all",
      { grpc: "127.0.0.1:9", http: "0.0.0.0:9", insecure: true },
      [["http", "--http: 0.0.0.0:9 is taken by --grpc"]],
    ],
  ];
  for (const [name, flags, expected] of badTogether) {
    test(`refuses ${name}`, () => {
      const problems = problemsOf("server", { flags });
      expect(problems.map(({ field }) => field)).toEqual(expected.map(([field]) => field));
      for (const [index, [, message]] of expected.entries())
        expect(problems[index]?.message).toStartWith(message);
    });
  }

  test("lets two listeners choose their ports", () => {
    expect(server({ flags: { grpc: "127.0.0.1:0", http: "127.0.0.1:0" } }).http.port).toBe(0);
  });

  test.each(["abc", "127.0.0.1:50051", "65536", "-1", " 1"])("says that GRPC_PORT=%s is no port", (value) => {
    expect(problemsOf("server", { env: { GRPC_PORT: value } })).toEqual([
      {
        field: "grpc",
        source: "GRPC_PORT",
        value,
        accepts: "a port number from 0 to 65535",
        remedy: expect.stringContaining("write the port alone, like 50051"),
        message: expect.stringMatching(
          /^GRPC_PORT: cannot use ".*" \(accepts a port number from 0 to 65535\)/,
        ),
      },
    ]);
  });

  test("lists a settings file that cannot be read with the other problems", () => {
    const file = { path: "l.toml", source: "--config", unreadable: "ENOENT: no such file or directory" };
    const remedy = "name a file that can be read";
    const problems = problemsOf("server", { flags: { grpc: "x" }, file });
    expect(problems.map(({ source }) => source)).toEqual(["--config", "--grpc"]);
    expect(problems[0]).toEqual({
      field: "config",
      source: "--config",
      value: "l.toml",
      remedy,
      message: `--config: cannot read "l.toml" (ENOENT: no such file or directory); ${remedy}`,
    });
  });

  test("lists all problems at once", () => {
    const problems = problemsOf("server", {
      flags: { grpc: "x" },
      env: { CONVERGE_LEDGER_DRAIN_MS: "soon", CONVERGE_LEDGER_ALLOW_HOST: "a,b:1" },
      ...toml('log-level = "loud"\nwhat = 1'),
    });
    expect(problems.map(({ source }) => source)).toEqual([
      "l.toml: what",
      "--grpc",
      "CONVERGE_LEDGER_ALLOW_HOST",
      "CONVERGE_LEDGER_DRAIN_MS",
      "l.toml: log-level",
    ]);
    expect(new ConfigError(problems).message.split("\n")).toHaveLength(5);
  });

  test("does not look at the values of the other scope", () => {
    const env = { CONVERGE_LEDGER_GRPC: "bad", GRPC_PORT: "bad" };
    expect(resolveConfig("client", { flags: {}, env, ...toml("drain-ms = -1") }).config.timeoutMs).toBe(
      30_000,
    );
  });

  test("warns of variables that look like settings, but not of those Kubernetes sets", () => {
    const env = {
      CONVERGE_LEDGER_GRCP: "x",
      CONVERGE_LEDGER_CONFIG: "l.toml",
      CONVERGE_LEDGER_URL: "x",
      CONVERGE_LEDGER_SERVICE_HOST: "10.0.0.1",
      CONVERGE_LEDGER_SERVICE_PORT_GRPC: "50051",
      CONVERGE_LEDGER_PORT: "tcp://10.0.0.1:50051",
      CONVERGE_LEDGER_PORT_50051_TCP_ADDR: "10.0.0.1",
    };
    expect(resolveConfig("server", { flags: {}, env }).warnings).toEqual([
      "environment variable CONVERGE_LEDGER_GRCP is not a setting and is not used",
    ]);
  });
});

describe("configFile()", () => {
  const fromEnv = { path: "e", source: "CONVERGE_LEDGER_CONFIG" };
  const cases: [Record<string, unknown>, Record<string, string>, NamedFile | undefined][] = [
    [{}, {}, undefined],
    [{}, { CONVERGE_LEDGER_CONFIG: "" }, undefined],
    [{}, { CONVERGE_LEDGER_CONFIG: "e" }, fromEnv],
    [{ config: "f" }, { CONVERGE_LEDGER_CONFIG: "e" }, { path: "f", source: "--config" }],
  ];
  for (const [flags, env, expected] of cases) {
    test(`gives ${expected?.path} for ${JSON.stringify([flags, env])}`, () => {
      expect(configFile({ flags, env })).toEqual(expected);
    });
  }
});
