import type { Line } from "../line.ts";
import { atMost, count } from "./at-most.ts";
import { everyGoal, type Goals } from "./goals.ts";
import { named } from "./quiet-lines.ts";
import type { Outcome, Plan, Simulator } from "./simulate.ts";

export interface StormEffort {
  readonly size: number;
  /** Of clusters with slow nodes. */
  readonly slowSeeds: number;
  readonly slowSeconds: number;
  /** Of each event that hits many. */
  readonly massSeeds: number;
}

/** What a cluster does in which much goes wrong: slow nodes among losses, crashes of many, a partition, a restart of all. */
export async function stormLines(
  simulator: Simulator,
  effort: StormEffort,
  goals: Goals,
): Promise<readonly Line[]> {
  const lines = await Promise.all([slowLines(simulator, effort), massLines(simulator, effort, goals)]);
  return lines.flat();
}

async function slowLines(
  simulator: Simulator,
  { size, slowSeeds, slowSeconds }: StormEffort,
): Promise<Line[]> {
  const plan: Plan = { size, firstSeed: 501, seeds: slowSeeds, seconds: slowSeconds };
  const [short, shortWithout, long, longWithout] = await Promise.all([
    simulator.tell("short stalls, Lifeguard", plan),
    simulator.tell("short stalls", plan),
    simulator.tell("long stalls, Lifeguard", plan),
    simulator.tell("long stalls", plan),
  ]);
  const note = `${slowSeeds} seeds of ${slowSeconds} s`;
  const what = `${named(size)}, 10 % loss, a tenth stalls`;
  return [
    lifeguardLine(`${what} 0.5 to 5 s: healthy ones taken for dead`, short, shortWithout, note),
    lifeguardLine(`${what} 0.5 to 20 s: healthy ones taken for dead`, long, longWithout, note),
  ];
}

type Slow = readonly { readonly falseDeaths: number }[];

function lifeguardLine(what: string, withIt: Slow, without: Slow, note: string): Line {
  const deaths = (told: Slow) => told.reduce((sum, { falseDeaths }) => sum + falseDeaths, 0);
  // None is counted as one: nothing is infinitely better than anything.
  const ratio = { value: deaths(without) / Math.max(1, deaths(withIt)), unit: "x" } as const;
  return {
    what,
    ours: count(deaths(withIt)),
    against: { name: "without Lifeguard", ...count(deaths(without)) },
    bar: { score: ratio, better: "more", atLeast: everyGoal.lifeguard },
    note,
  };
}

async function massLines(
  simulator: Simulator,
  { size, massSeeds }: StormEffort,
  goals: Goals,
): Promise<Line[]> {
  const plan: Plan = { size, firstSeed: 601, seeds: massSeeds };
  const [crashes, partitions, restarts] = await Promise.all([
    simulator.tell("mass crash", plan),
    simulator.tell("partition", plan),
    simulator.tell("mass restart", plan),
  ]);
  return [
    massLine(`${named(size)}: 3 of 10 crash at once, known by all`, crashes, goals.massCrashSeconds),
    massLine(`${named(size)}: healed after 60 s in halves, all agree`, partitions, goals.partitionSeconds),
    massLine(`${named(size)}: all restarted within 60 s, all agree`, restarts, goals.massRestartSeconds),
  ];
}

type Mass = readonly Outcome<"mass crash">[];

function massLine(what: string, told: Mass, limitSeconds: number): Line {
  const longest = { value: Math.max(...told.map(({ agreedMs }) => agreedMs)) / 1000, unit: "s" } as const;
  const peak = Math.max(...told.map(({ peakMb }) => peakMb));
  const of = told.length === 1 ? "1 seed" : `longest of ${told.length} seeds`;
  return atMost(what, longest, limitSeconds, `${of}; ${Math.round(peak)} MB`);
}
