import { abilitiesOf } from "../../trials/world/abilities.ts";
import type { Line } from "../line.ts";
import type { Bench, Row } from "../run/bench.ts";
import { appendLines } from "./cluster/appends.ts";
import { catchUpLines } from "./cluster/catch-up.ts";
import { exchangeLines } from "./cluster/exchange.ts";
import { failoverLines } from "./cluster/failover.ts";
import { idleLines } from "./cluster/idle.ts";

/** A cluster of three on one machine: what copies cost, how long a failover takes, how copies become equal. */
export const cluster: Row = {
  name: "cluster",
  needs: ["gcc"],
  onRequest: true,
  run: async (bench: Bench): Promise<readonly Line[]> => {
    if (!(await abilitiesOf(bench.server[0] ?? "")).replicates)
      throw new Error("This executable keeps no copies on other nodes");
    return [
      ...(await appendLines(bench)),
      ...(await failoverLines(bench, "local")),
      ...(await failoverLines(bench, "lan")),
      ...(await catchUpLines(bench)),
      ...(await exchangeLines(bench)),
      ...(await idleLines(bench)),
    ];
  },
};
