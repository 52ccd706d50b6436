import { abilitiesOf } from "../../trials/world/abilities.ts";
import type { Line } from "../line.ts";
import type { Bench, Row } from "../run/bench.ts";
import { appendLines } from "./cluster/appends.ts";
import { catchUpLines } from "./cluster/catch-up.ts";
import { exchangeLines } from "./cluster/exchange.ts";
import { failoverLines } from "./cluster/failover.ts";
import { idleLines } from "./cluster/idle.ts";

type Part = readonly [name: string, run: (bench: Bench) => Promise<readonly Line[]>];

const parts: readonly Part[] = [
  ["appends", appendLines],
  [
    "failover",
    async (bench) => [...(await failoverLines(bench, "local")), ...(await failoverLines(bench, "lan"))],
  ],
  ["join", catchUpLines],
  ["mend", exchangeLines],
  ["idle", idleLines],
];

/** A cluster of three on one machine: what copies cost, how long a failover takes, how copies become equal. Each is a row. */
export const clusterRows: readonly Row[] = parts.map(([name, run]) => ({
  name: `cluster-${name}`,
  needs: ["gcc"],
  onRequest: true,
  run: async (bench) => {
    if (!(await abilitiesOf(bench.server[0] ?? "")).replicates)
      throw new Error("This executable keeps no copies on other nodes");
    return await run(bench);
  },
}));
