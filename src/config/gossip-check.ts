import { isLoopbackHost } from "../core/loopback-host.ts";
import { defaultGossipPort } from "../core/peer-address.ts";
import type { ConfigProblem } from "./config-error.ts";
import { formatHostPort, type HostPort, parseHostPort } from "./host-port.ts";
import type { Setting } from "./resolve.ts";
import { settingProblem } from "./setting-problem.ts";

type ByName = ReadonlyMap<string, Setting>;

const impliedGossip: HostPort = { host: "127.0.0.1", port: defaultGossipPort };
/** Say nothing while gossip is off. */
const details: readonly string[] = ["gossipAdvertise", "gossipKeyFile", "gossipLabel", "gossipTiming"];

/** Returns the settings with gossip turned on if only `join` asks for it: on loopback, where nobody else is reached. */
export function withImpliedGossip(settings: readonly Setting[]): readonly Setting[] {
  const join = settings.find(({ field }) => field.name === "join");
  if (join === undefined || addressesOf(join).length === 0) return settings;
  const { from, source } = join;
  const implied = { value: impliedGossip, text: formatHostPort(impliedGossip), from, source };
  return settings.map((setting) =>
    setting.field.name === "gossip" && setting.value === undefined ? { ...setting, ...implied } : setting,
  );
}

/** Returns what is wrong with settings of gossip that are all right one by one. Before {@link withImpliedGossip}. */
export function gossipProblems(settings: ByName): ConfigProblem[] {
  const gossip = settings.get("gossip");
  if (gossip === undefined) return [];
  return [
    ...openGossip(gossip, settings),
    ...unreachable(gossip, settings.get("join")),
    ...notAPlace(settings.get("gossipAdvertise")),
  ];
}

/** Returns a sentence for each setting that says how to gossip while gossip is off. */
export function unusedGossipSettings(settings: readonly Setting[]): string[] {
  const gossip = settings.find(({ field }) => field.name === "gossip");
  if (gossip?.value !== undefined) return [];
  return settings
    .filter(({ field, from }) => details.includes(field.name) && from !== "default")
    .map(({ source }) => `${source} is not used: there is no gossip without --gossip or --join`);
}

function openGossip(gossip: Setting, settings: ByName): ConfigProblem[] {
  const at = gossip.value as HostPort | undefined;
  const isAllowed =
    settings.get("insecure")?.value === true || settings.get("gossipKeyFile")?.value !== undefined;
  if (at === undefined || isLoopbackHost(at.host) || isAllowed) return [];
  const said = `refused to gossip on ${gossip.text}, which other machines can reach, without a key`;
  const remedy =
    'make one with "converge-ledger keygen --gossip -o gossip.key" and give every node --gossip-key-file gossip.key, or give --insecure to let everybody join';
  return [settingProblem(gossip, said, remedy)];
}

/** A node on loopback reaches nobody else. Names are believed if the operator has said where to gossip. */
function unreachable(gossip: Setting, join: Setting | undefined): ConfigProblem[] {
  const at = gossip.value as HostPort | undefined;
  if (join === undefined || (at !== undefined && !isLoopbackHost(at.host))) return [];
  const outside = addressesOf(join).find((address) => {
    const host = parseHostPort(address)?.host ?? "";
    return !isLoopbackHost(host) && (at === undefined || isIpAddress(host));
  });
  if (outside === undefined) return [];
  const said = `a node that gossips on ${at === undefined ? "loopback" : gossip.text} cannot reach ${outside}`;
  return [
    settingProblem(
      join,
      said,
      "give --gossip HOST:PORT with an address of this machine that the others can reach",
    ),
  ];
}

function notAPlace(advertise: Setting | undefined): ConfigProblem[] {
  const at = advertise?.value as HostPort | undefined;
  if (advertise === undefined || at === undefined) return [];
  if (!isWildcardHost(at.host)) return [];
  const said = `nobody can be reached at ${advertise.text}`;
  return [settingProblem(advertise, said, "give the address under which others reach this node")];
}

function addressesOf(join: Setting): readonly string[] {
  return (join.value as readonly string[] | undefined) ?? [];
}

/** Tells if a host stands for every address of the machine. */
export function isWildcardHost(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** Hosts are in their canonical form, in which only addresses look like this. */
function isIpAddress(host: string): boolean {
  return host.includes(":") || /^[\d.]+$/.test(host);
}
