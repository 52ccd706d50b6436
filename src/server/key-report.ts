import type { KeyRound } from "../node/gossip/key-rounds.ts";
import type { KeyReport } from "../rpc/cluster.ts";

/** Returns which members have which keys, from what each member said about its own. */
export function reportOf({ states, failures }: KeyRound): KeyReport {
  const keys = new Map<string, { id: string; members: string[]; primaryOf: string[] }>();
  for (const [name, { ids, primary }] of states) {
    for (const id of ids) {
      const key = keys.get(id) ?? { id, members: [], primaryOf: [] };
      keys.set(id, key);
      key.members.push(name);
      if (id === primary) key.primaryOf.push(name);
    }
  }
  return {
    keys: [...keys.values()],
    failures: [...failures].map(([member, error]) => ({ member, error })),
  };
}
