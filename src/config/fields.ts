import { limits } from "../core/limits.ts";
import { writeCopiesValues } from "../core/write-copies.ts";
import {
  bool,
  entriesPerSecond,
  type Kind,
  milliseconds,
  nameOfLog,
  nodes,
  oneOf,
  origins,
  hostNames,
  path,
  serverUrl,
  hostPort,
  peerAddresses,
  gossipLabel,
} from "./kinds.ts";

/** The server's settings, or those of the commands that talk to one. */
export type Scope = "server" | "client";

/** One setting: what it is called everywhere, what it may be, and what it is if nobody says. */
export interface Field<T = unknown> {
  /** Property of {@link ServerConfig} or {@link ClientConfig}, and of the parsed flags. */
  readonly name: string;
  readonly scope: Scope;
  readonly flag: `--${string}`;
  readonly env: `CONVERGE_LEDGER_${string}`;
  /** Other environment variables, used if nothing else in the environment is set. */
  readonly envAliases: readonly EnvAlias[];
  readonly fileKey: string;
  readonly kind: Kind<T>;
  /** Undefined if the setting is off until it is given. */
  readonly default: T | undefined;
  /** What it does, as a phrase without a full stop. */
  readonly description: string;
}

/** A variable that says the same in other words. */
export interface EnvAlias {
  readonly name: string;
  /** What the alias accepts, as a phrase for messages. */
  readonly accepts: string;
  /** What to do about text that it does not accept. */
  readonly remedy: string;
  /** Turns the alias's text into the field's. */
  toText(value: string): string;
}

/** Names the file with settings; given by flag or environment only. */
export const configFileField = {
  flag: "--config",
  env: "CONVERGE_LEDGER_CONFIG",
  placeholder: "FILE",
  description: "read settings from this TOML file; without it no file is read",
} as const;

const grpcPort: EnvAlias = {
  name: "GRPC_PORT",
  accepts: "a port number from 0 to 65535",
  remedy: "write the port alone, like 50051, or set CONVERGE_LEDGER_GRPC to HOST:PORT",
  toText: (port) => `127.0.0.1:${port}`,
};

/** `name@host:port` is how Erlang's libcluster names nodes; the name says nothing here. */
const clusterNodes: EnvAlias = {
  name: "CLUSTER_NODES",
  accepts: "a list of HOST, HOST:PORT or NAME@HOST, separated by commas",
  remedy: "write it like ledger@10.0.0.5,ledger@10.0.0.6, or set CONVERGE_LEDGER_JOIN",
  toText: (nodes) =>
    nodes
      .split(",")
      .map((node) => node.slice(node.lastIndexOf("@") + 1).trim())
      .filter((host) => host !== "")
      .join(","),
};

/** Every setting there is. The order is that of the help text. */
export const fields: readonly Field[] = [
  field("server", "data", path("DIR"), "./ledger-data", "directory of the ledger; made if it does not exist"),
  {
    ...field(
      "server",
      "grpc",
      hostPort,
      { host: "127.0.0.1", port: 50_051 },
      "where gRPC listens; port 0 chooses one",
    ),
    envAliases: [grpcPort],
  },
  field(
    "server",
    "http",
    hostPort,
    { host: "127.0.0.1", port: 8080 },
    "where HTTP listens (Connect, gRPC-Web, server-sent events, health, metrics); port 0 chooses one",
  ),
  field(
    "server",
    "tls-cert",
    path("FILE"),
    undefined,
    "certificate chain in PEM for both listeners; needs --tls-key",
  ),
  field("server", "tls-key", path("FILE"), undefined, "private key in PEM; needs --tls-cert"),
  field(
    "server",
    "insecure",
    bool,
    false,
    "allow listening on addresses other than loopback, where everybody who reaches them can read and append, and gossip there without a key",
  ),
  field(
    "server",
    "gossip",
    hostPort,
    undefined,
    "where this node gossips with others, UDP and TCP; off without it, and without --join",
  ),
  field(
    "server",
    "gossip-advertise",
    hostPort,
    undefined,
    "address that others are told to gossip to, if it is not that of --gossip; port 0 stands for the port of --gossip",
  ),
  {
    ...field(
      "server",
      "join",
      peerAddresses,
      [],
      "a node to join, tried again for as long as it is not reached; a name stands for all of its addresses",
    ),
    envAliases: [clusterNodes],
  },
  field(
    "server",
    "gossip-key-file",
    path("FILE"),
    undefined,
    "keys that gossip is sealed with, one base64 text a line, the first to write with; keygen --gossip makes one",
  ),
  field(
    "server",
    "gossip-label",
    gossipLabel,
    "",
    "name of the cluster; nodes of other labels are not heard",
  ),
  field(
    "server",
    "gossip-timing",
    oneOf("lan", "wan", "local"),
    "lan",
    "how patient gossip is: lan, wan for slow networks, local for one machine",
  ),
  field(
    "server",
    "replicas",
    nodes(1, limits.replicasMax),
    3,
    "how many nodes keep each context; the same on every node of a cluster",
  ),
  field(
    "server",
    "write-copies",
    oneOf(...writeCopiesValues),
    "majority",
    "how many of them must have an entry on disk before it is acknowledged; the same on every node of a cluster",
  ),
  field("server", "cors-origin", origins, [], "let web pages of this origin call the API; * for all"),
  field("server", "allow-host", hostNames, [], "further Host name that a loopback listener answers to"),
  field(
    "server",
    "watch-heartbeat-ms",
    milliseconds(limits.heartbeatMsMin, limits.heartbeatMsMax),
    15_000,
    "silence on a server-sent event stream after which a comment is sent",
  ),
  field(
    "server",
    "log-name",
    nameOfLog("slashes"),
    "converge.local",
    "first part of the names of this node's logs, as checkpoints and verifier keys show them",
  ),
  field(
    "server",
    "node-name",
    nameOfLog("no slashes"),
    undefined,
    "name of this node, the second part; without it one is derived from the data directory",
  ),
  field(
    "server",
    "log-interval-ms",
    milliseconds(100, 3_600_000),
    10_000,
    "how often the log of logs takes up contexts that have grown, and is signed",
  ),
  field(
    "server",
    "drain-ms",
    milliseconds(0, 600_000),
    10_000,
    "how long open calls may go on after SIGTERM or SIGINT",
  ),
  field(
    "server",
    "scrub-rate",
    entriesPerSecond(0, 10_000_000),
    1000,
    "how fast stored entries are verified in the background; 0 turns that off",
  ),
  field(
    "server",
    "log-level",
    oneOf("debug", "info", "warn", "error"),
    "info",
    "least level of log lines that are written",
  ),
  field(
    "server",
    "log-format",
    oneOf("auto", "text", "json"),
    "auto",
    "form of log lines; auto is text on a terminal and JSON otherwise",
  ),
  field("client", "url", serverUrl, "http://127.0.0.1:8080", "HTTP address of the server to talk to"),
  field(
    "client",
    "timeout-ms",
    milliseconds(1, 3_600_000),
    30_000,
    "how long one call may take; streams have no end",
  ),
];

function field<T>(
  scope: Scope,
  key: string,
  kind: Kind<T>,
  initial: T | undefined,
  description: string,
): Field {
  const shared = {
    scope,
    fileKey: key,
    default: initial,
    description,
    envAliases: [],
    kind: kind as Kind<unknown>,
  };
  return {
    ...shared,
    name: key.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase()),
    flag: `--${key}`,
    env: `CONVERGE_LEDGER_${key.replaceAll("-", "_").toUpperCase()}`,
  };
}
