import type { Line } from "../line.ts";
import type { Row } from "../run/bench.ts";
import { goalsOf10k, goalsOf1k } from "../swim/goals.ts";
import { quietLines } from "../swim/quiet-lines.ts";
import { Simulator } from "../swim/simulate.ts";
import { stormLines } from "../swim/storm-lines.ts";
import { swimLoopback } from "./swim-loopback.ts";

/** Clusters of 1,000 simulated nodes, then of processes. */
export const swim: Row = {
  name: "swim",
  needs: [],
  run: async (bench): Promise<readonly Line[]> => {
    const simulator = new Simulator(bench, 2);
    const quiet = { size: 1000, crashSeeds: 100, spreadSeeds: 20, lossSeconds: 600 };
    const storm = { size: 1000, slowSeeds: 2, slowSeconds: 60, massSeeds: 1 };
    return [
      ...(await quietLines(simulator, quiet, goalsOf1k)),
      ...(await stormLines(simulator, storm, goalsOf1k)),
      ...(await swimLoopback.run(bench)),
    ];
  },
};

/** Clusters of 10,000, one at a time: each takes gigabytes. */
export const swim10k: Row = {
  name: "swim-10k",
  needs: [],
  onRequest: true,
  run: async (bench): Promise<readonly Line[]> => {
    const effort = { size: 10_000, crashSeeds: 3, spreadSeeds: 1, lossSeconds: 120 };
    return await quietLines(new Simulator(bench, 1), effort, goalsOf10k);
  },
};
