import { limits } from "../core/limits.ts";
import { isLoopbackHost } from "../core/loopback-host.ts";
import type { ConfigProblem } from "./config-error.ts";
import { gossipProblems, withImpliedGossip } from "./gossip-check.ts";
import { formatHostPort, type HostPort } from "./host-port.ts";
import { portClashes } from "./port-clashes.ts";
import type { Setting } from "./resolve.ts";
import { settingProblem } from "./setting-problem.ts";

/** Returns what is wrong with server settings that are all right one by one. */
export function crossCheck(settings: readonly Setting[]): ConfigProblem[] {
  const byName = new Map(settings.map((setting) => [setting.field.name, setting]));
  const cert = byName.get("tlsCert");
  const key = byName.get("tlsKey");
  const problems: ConfigProblem[] = [];
  if (cert?.value !== undefined && key?.value === undefined) problems.push(alone(cert, "--tls-key"));
  if (key?.value !== undefined && cert?.value === undefined) problems.push(alone(key, "--tls-cert"));

  const listeners = [byName.get("grpc"), byName.get("http")].filter((setting) => setting !== undefined);
  if (byName.get("insecure")?.value !== true) problems.push(...listeners.flatMap(openBind));
  problems.push(...longLogName(byName.get("logName"), byName.get("nodeName")));
  problems.push(...gossipProblems(byName));
  const gossip = withImpliedGossip(settings).find(({ field }) => field.name === "gossip");
  problems.push(...portClashes(gossip === undefined ? listeners : [...listeners, gossip]));
  return problems;
}

function alone(setting: Setting, missing: string): ConfigProblem {
  const remedy = `give ${missing} as well, or neither`;
  return settingProblem(setting, `${setting.field.flag} needs ${missing}`, remedy);
}

function openBind(setting: Setting): ConfigProblem[] {
  const { host, port } = setting.value as HostPort;
  if (isLoopbackHost(host)) return [];
  const said = `refused to listen on ${setting.text}, which other machines can reach: there is no authentication`;
  const loopback = formatHostPort({ host: "127.0.0.1", port });
  return [
    settingProblem(setting, said, `use ${loopback}, or give --insecure to let everybody read and append`),
  ];
}

/** A derived node name is this long. */
const derivedNodeNameLength = 10;

function longLogName(logName: Setting | undefined, nodeName: Setting | undefined): ConfigProblem[] {
  if (logName === undefined) return [];
  const { text: first = "" } = logName;
  const length = first.length + 1 + (nodeName?.text?.length ?? derivedNodeNameLength);
  if (length <= limits.logNameBytesMax) return [];
  const said = `${logName.field.flag} and the node's name make ${length} characters, more than ${limits.logNameBytesMax}`;
  return [settingProblem(logName, said, "choose shorter names")];
}
