import { asError } from "../core/as-error.ts";
import { quote } from "../core/errors.ts";
import type { LogLevel } from "../core/log.ts";
import type { WriteCopies } from "../core/write-copies.ts";
import { crossCheck } from "./cross-check.ts";
import { badValue, ConfigError, type ConfigProblem } from "./config-error.ts";
import { type EnvAlias, type Field, fields, type Scope, configFileField } from "./fields.ts";
import { unusedGossipSettings, withImpliedGossip } from "./gossip-check.ts";
import type { HostPort } from "./host-port.ts";
import type { Reading } from "./kinds.ts";

/** Settings of the server. Times are in milliseconds where the name says so. */
export interface ServerConfig {
  readonly data: string;
  readonly grpc: HostPort;
  readonly http: HostPort;
  /** Set together with `tlsKey` or not at all. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly insecure: boolean;
  /** Undefined if this node does not gossip. */
  readonly gossip: HostPort | undefined;
  /** Undefined if others are told where it listens. */
  readonly gossipAdvertise: HostPort | undefined;
  /** HOST:PORT, an IPv6 address in brackets. */
  readonly join: readonly string[];
  readonly gossipKeyFile: string | undefined;
  /** Empty for none. */
  readonly gossipLabel: string;
  readonly gossipTiming: "lan" | "wan" | "local";
  /** Of the cluster, as is `writeCopies`: nodes that differ do not join. */
  readonly replicas: number;
  readonly writeCopies: WriteCopies;
  /** Origins as browsers send them; `*` stands for all. */
  readonly corsOrigin: readonly string[];
  /** In lower case; IPv6 addresses in brackets. */
  readonly allowHost: readonly string[];
  readonly watchHeartbeatMs: number;
  readonly logName: string;
  /** Undefined if it is to be derived from the data directory. */
  readonly nodeName: string | undefined;
  readonly logIntervalMs: number;
  readonly drainMs: number;
  /** Entries per second; 0 for never. */
  readonly scrubRate: number;
  readonly logLevel: LogLevel;
  readonly logFormat: "auto" | "text" | "json";
}

/** Settings of the commands that talk to a server. */
export interface ClientConfig {
  /** Without a slash at the end. */
  readonly url: string;
  readonly timeoutMs: number;
}

export interface Config {
  readonly server: ServerConfig;
  readonly client: ClientConfig;
}

export interface ConfigInput {
  /** Parsed flags by field name; others are left alone. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The settings file, if one was named. */
  readonly file?: SettingsFile | undefined;
}

/** A settings file, or why there is none where one was named. */
export type SettingsFile =
  { readonly path: string; readonly text: string } | (NamedFile & { readonly unreadable: string });

/** A settings file that was asked for. */
export interface NamedFile {
  readonly path: string;
  /** The flag or variable that names it. */
  readonly source: string;
}

/** One setting with its value and where that came from. */
export interface Setting {
  readonly field: Field;
  readonly value: unknown;
  /** The value as the flag would take it; undefined if the setting is off. */
  readonly text: string | undefined;
  readonly from: "flag" | "environment" | "file" | "default";
  /** The flag, the variable, or the file and key; `default` otherwise. */
  readonly source: string;
}

export interface Resolved<S extends Scope> {
  /** Frozen. */
  readonly config: Config[S];
  /** In the order of {@link fields}. */
  readonly settings: readonly Setting[];
  /** Things that look like mistakes and are not used, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Returns the settings of one scope: a flag wins over the environment, that over the file, that over
 * the default. An environment variable without text counts as not set. Throws {@link ConfigError}
 * with every problem there is; settings of the other scope are not looked at, but in the file their
 * names are known.
 */
export function resolveConfig<S extends Scope>(scope: S, input: ConfigInput): Resolved<S> {
  const problems: ConfigProblem[] = [];
  const table = readFile(input.file, problems);
  const given = fields
    .filter((field) => field.scope === scope)
    .map((field) => resolveField(field, input, table, problems));
  if (problems.length === 0 && scope === "server") problems.push(...crossCheck(given));
  if (problems.length > 0) throw new ConfigError(problems);
  const settings = withImpliedGossip(given);
  const config = Object.fromEntries(settings.map(({ field, value }) => [field.name, Object.freeze(value)]));
  // The table of fields and the interfaces say the same; a test compares them.
  const warnings = [...warningsOf(input.env), ...(scope === "server" ? unusedGossipSettings(settings) : [])];
  return { config: Object.freeze(config) as unknown as Config[S], settings, warnings };
}

/** Returns which settings file to read, if any. */
export function configFile({ flags, env }: Omit<ConfigInput, "file">): NamedFile | undefined {
  const flag = flags["config"];
  if (typeof flag === "string") return { path: flag, source: configFileField.flag };
  const path = env[configFileField.env];
  return path ? { path, source: configFileField.env } : undefined;
}

function readFile(file: ConfigInput["file"], problems: ConfigProblem[]): Map<string, unknown> {
  if (file === undefined) return new Map();
  if ("unreadable" in file) {
    problems.push(unreadableFile(file));
    return new Map();
  }
  let table: object;
  try {
    table = Bun.TOML.parse(file.text);
  } catch (reason) {
    const why = asError(reason).message.replace(/^TOML Parse error: /, "");
    const remedy = "write one name = value a line, texts in quotes";
    problems.push({
      field: "config",
      source: file.path,
      remedy,
      message: `${file.path}: not TOML: ${why}; ${remedy}`,
    });
    return new Map();
  }
  const known = new Set(fields.map(({ fileKey }) => fileKey));
  for (const key of Object.keys(table).filter((name) => !known.has(name))) {
    const remedy = `use one of ${[...known].join(", ")}`;
    const message = `${file.path}: unknown setting ${JSON.stringify(key)}; ${remedy}`;
    problems.push({ field: key, source: `${file.path}: ${key}`, remedy, message });
  }
  return new Map(Object.entries(table));
}

function unreadableFile({ path, source, unreadable }: NamedFile & { unreadable: string }): ConfigProblem {
  const remedy = "name a file that can be read";
  const message = `${source}: cannot read ${quote(path)} (${unreadable}); ${remedy}`;
  return { field: "config", source, value: path, remedy, message };
}

interface Given {
  readonly from: Setting["from"];
  readonly source: string;
  /** What is accepted there. */
  readonly accepts: string;
  /** What was given, for messages. */
  readonly shown: string;
  read(): Reading<unknown>;
}

function resolveField(
  field: Field,
  input: ConfigInput,
  table: ReadonlyMap<string, unknown>,
  problems: ConfigProblem[],
): Setting {
  const given = fromFlags(field, input) ?? fromEnv(field, input) ?? fromFile(field, input, table);
  const reading = given?.read() ?? { value: field.default };
  if (given !== undefined && "remedy" in reading) {
    const { source, accepts, shown } = given;
    const { remedy } = reading;
    problems.push(badValue({ field: field.name, source, value: shown, accepts, remedy }));
  }
  const value = "value" in reading ? reading.value : undefined;
  const text = value === undefined ? undefined : field.kind.toText(value);
  return { field, value, text, from: given?.from ?? "default", source: given?.source ?? "default" };
}

function fromFlags({ name, flag, kind }: Field, { flags }: ConfigInput): Given | undefined {
  const value = flags[name];
  if (value === undefined) return undefined;
  const texts = (Array.isArray(value) ? value : [value]).map(String);
  const shown = texts.join(",");
  return { from: "flag", source: flag, accepts: kind.accepts, shown, read: () => kind.fromText(texts) };
}

function fromEnv({ env: own, envAliases, kind }: Field, { env }: ConfigInput): Given | undefined {
  const text = env[own] ?? "";
  if (text !== "") {
    const read = () => kind.fromText(kind.isList ? text.split(",") : [text]);
    return { from: "environment", source: own, accepts: kind.accepts, shown: text, read };
  }
  const alias = envAliases.find(({ name }) => (env[name] ?? "") !== "");
  return alias === undefined ? undefined : fromAlias(alias, kind, env[alias.name] ?? "");
}

function fromAlias(alias: EnvAlias, kind: Field["kind"], shown: string): Given {
  const { name, accepts, remedy } = alias;
  const read = (): Reading<unknown> => {
    const text = alias.toText(shown);
    const reading = kind.fromText(kind.isList ? text.split(",") : [text]);
    return "value" in reading ? reading : { remedy };
  };
  return { from: "environment", source: name, accepts, shown, read };
}

function fromFile(
  { fileKey, kind }: Field,
  { file }: ConfigInput,
  table: ReadonlyMap<string, unknown>,
): Given | undefined {
  if (file === undefined || !table.has(fileKey)) return undefined;
  const value = table.get(fileKey);
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  const source = `${file.path}: ${fileKey}`;
  return { from: "file", source, accepts: kind.accepts, shown, read: () => kind.fromToml(value) };
}

/** Variables that Kubernetes sets in every container for a service of this name. */
const kubernetes = /_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

function warningsOf(env: ConfigInput["env"]): string[] {
  const known = new Set<string>([configFileField.env, ...fields.map((field) => field.env)]);
  return Object.keys(env)
    .filter((name) => name.startsWith("CONVERGE_LEDGER_") && !known.has(name) && !kubernetes.test(name))
    .map((name) => `environment variable ${name} is not a setting and is not used`);
}
