import { flippedBit, fullDisk } from "./disks.ts";
import { cleanPartition, cutLink, mergeWinnerKilled, oneWayPartition, slowLink } from "./networks.ts";
import { alone, joinLate, killHome, longAbsence, restartTwo, startAtOnce, stopHome } from "./processes.ts";
import type { Scenario } from "./scenario.ts";

export const scenarios: readonly Scenario[] = [
  alone,
  killHome,
  stopHome,
  cleanPartition,
  oneWayPartition,
  cutLink,
  slowLink,
  fullDisk,
  restartTwo,
  startAtOnce,
  flippedBit,
  mergeWinnerKilled,
  joinLate,
  longAbsence,
];
