import type { Line } from "../line.ts";
import type { Row } from "../run/bench.ts";
import { largeClusterLines, restLines, smallClusterLines, soakLines } from "../swim/process-lines.ts";

const restSeconds = 40;
const soakSeconds = 60;
const longSoakSeconds = 600;

/** Clusters of built executables on loopback addresses. A part of the row `swim`. */
export const swimLoopback: Row = {
  name: "swim-loopback",
  needs: [],
  onRequest: true,
  run: async (bench): Promise<readonly Line[]> => [
    ...(await restLines(bench, restSeconds)),
    ...(await smallClusterLines(bench)),
    ...(await soakLines(bench, soakSeconds)),
    ...(await largeClusterLines(bench)),
  ],
};

/** A cluster with a dead member for ten minutes. */
export const swimSoak: Row = {
  name: "swim-soak",
  needs: [],
  onRequest: true,
  run: async (bench) => await soakLines(bench, longSoakSeconds),
};
