import type { ConfigProblem } from "./config-error.ts";
import { isWildcardHost } from "./gossip-check.ts";
import type { HostPort } from "./host-port.ts";
import type { Setting } from "./resolve.ts";
import { settingProblem } from "./setting-problem.ts";

/** Returns a problem for each listener whose address one before it takes. */
export function portClashes(listeners: readonly Setting[]): ConfigProblem[] {
  return listeners.flatMap((later, index) => {
    const earlier = listeners.slice(0, index).find((setting) => overlap(setting, later));
    if (earlier === undefined) return [];
    const remedy = "give the listeners different ports";
    return [settingProblem(later, `${later.text} is taken by ${earlier.field.flag}`, remedy)];
  });
}

function overlap(one: Setting, other: Setting): boolean {
  const [a, b] = [one.value as HostPort | undefined, other.value as HostPort | undefined];
  if (a === undefined || b === undefined || a.port !== b.port || a.port === 0) return false;
  return a.host === b.host || isWildcardHost(a.host) || isWildcardHost(b.host);
}
