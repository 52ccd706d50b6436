import { ConfigError } from "../config.ts";
import type { JoinOutcome } from "../rpc/cluster.ts";

/** Returns what a node is stopped with whose settings are not those of the cluster that it was told to join. */
export function settingsDiffer({ address, error = "" }: JoinOutcome): ConfigError {
  const source = "--join";
  const remedy = "start this node with the settings of that cluster";
  const message = `${source}: cannot join ${address}: ${error}`;
  return new ConfigError([{ field: "join", source, value: address, remedy, message }]);
}
