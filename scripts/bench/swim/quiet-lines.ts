import type { Line } from "../line.ts";
import { median } from "../measure/statistics.ts";
import { atMost, count, seconds } from "./at-most.ts";
import { everyGoal, type Goals } from "./goals.ts";
import type { Plan, Simulator } from "./simulate.ts";

export interface QuietEffort {
  readonly size: number;
  readonly crashSeeds: number;
  /** Of joins, and of good-byes. */
  readonly spreadSeeds: number;
  readonly lossSeconds: number;
}

const idleSeconds = 60;
/** What a node sends is compared with what it sends in a cluster of this size. */
const smallSize = 100;

/** What a cluster does in which little happens: one member crashes, joins or leaves, packets are lost, or nothing. */
export async function quietLines(
  simulator: Simulator,
  effort: QuietEffort,
  goals: Goals,
): Promise<readonly Line[]> {
  // Alone, for its time counts.
  const cost = await costLines(simulator, effort, goals);
  const others = await Promise.all([
    crashLines(simulator, effort, goals),
    spreadLines(simulator, effort, goals),
    idleLines(simulator, effort),
    lossLines(simulator, effort, goals),
  ]);
  return [...others.flat(), ...cost];
}

async function costLines(simulator: Simulator, { size }: QuietEffort, goals: Goals): Promise<Line[]> {
  const plan: Plan = { size, firstSeed: 1, seeds: 1, seconds: idleSeconds };
  const [told] = await simulator.tell("idle and crash", plan);
  const wall = { value: told?.wallSeconds ?? Number.NaN, unit: "s" } as const;
  const peak = { value: told?.peakMb ?? Number.NaN, unit: "MB" } as const;
  const what = `${named(size)}: wall time of ${idleSeconds} s of rest and one crash`;
  return [
    atMost(what, wall, goals.wallSeconds, `${(told?.cpuSeconds ?? Number.NaN).toFixed(0)} s of CPU`),
    atMost(`${named(size)}: memory of that, at most`, peak, goals.memoryMb),
  ];
}

async function crashLines(
  simulator: Simulator,
  { size, crashSeeds }: QuietEffort,
  goals: Goals,
): Promise<Line[]> {
  const told = await simulator.tell("crash", { size, firstSeed: 1, seeds: crashSeeds });
  const known = told.map(({ knownByAllMs }) => knownByAllMs);
  const suspected = median(told.map(({ firstSuspectedMs }) => firstSuspectedMs)) / 1000;
  const note = `${crashSeeds} seeds; first suspected after ${suspected.toFixed(1)} s`;
  const what = `${named(size)}: a crash is known by all`;
  return [
    atMost(`${what}, p50`, seconds(median(known)), goals.crashP50Seconds, note),
    atMost(`${what}, longest`, seconds(Math.max(...known)), goals.crashMaxSeconds, `${crashSeeds} seeds`),
  ];
}

async function spreadLines(
  simulator: Simulator,
  { size, spreadSeeds }: QuietEffort,
  goals: Goals,
): Promise<Line[]> {
  const plan: Plan = { size, firstSeed: 201, seeds: spreadSeeds };
  const [joins, leaves] = await Promise.all([simulator.tell("join", plan), simulator.tell("leave", plan)]);
  const note = spreadSeeds === 1 ? "1 seed" : `longest of ${spreadSeeds} seeds`;
  const by99 = seconds(Math.max(...joins.map(({ knownBy99Ms }) => knownBy99Ms)));
  const byAll = seconds(Math.max(...joins.map(({ knownByAllMs }) => knownByAllMs)));
  const left = seconds(Math.max(...leaves.map(({ knownBy99Ms }) => knownBy99Ms)));
  const taken = leaves.reduce((sum, { takenForDead }) => sum + takenForDead, 0);
  return [
    atMost(`${named(size)}: a join is known by 99 of 100`, by99, goals.joinBy99Seconds, note),
    atMost(`${named(size)}: a join is known by all`, byAll, goals.joinByAllSeconds, note),
    atMost(
      `${named(size)}: a good-bye is known by 99 of 100`,
      left,
      goals.leaveBy99Seconds,
      `${note}; taken for a death ${taken} times`,
    ),
  ];
}

async function idleLines(simulator: Simulator, { size }: QuietEffort): Promise<Line[]> {
  const plan = { firstSeed: 301, seeds: 1, seconds: idleSeconds };
  const [[large], [small]] = await Promise.all([
    simulator.tell("idle", { ...plan, size }),
    simulator.tell("idle", { ...plan, size: smallSize }),
  ]);
  if (large === undefined || small === undefined) throw new Error("an idle cluster was not told of");
  const what = `${named(size)}, idle, each sends`;
  const bytesRatio = (large.packetBytes / small.packetBytes).toFixed(2);
  return [
    atMost(
      `${what}: pings and acks`,
      { value: large.probeMessages, unit: "/s" },
      everyGoal.probeMessagesPerSecond,
    ),
    atMost(
      `${what}: other packets`,
      { value: large.otherPackets, unit: "/s" },
      everyGoal.otherPacketsPerSecond,
    ),
    atMost(
      `${what}: bytes of packets`,
      { value: large.packetBytes, unit: "B/s" },
      everyGoal.packetBytesPerSecond,
      `and ${Math.round(large.streamBytes)} B/s of whole states over TCP`,
    ),
    atMost(
      `${named(size)}, idle: pings and acks of each, against ${smallSize} nodes`,
      { value: large.probeMessages / small.probeMessages, unit: "x" },
      everyGoal.growth,
      `bytes ${bytesRatio}x: names are longer`,
    ),
  ];
}

async function lossLines(
  simulator: Simulator,
  { size, lossSeconds }: QuietEffort,
  goals: Goals,
): Promise<Line[]> {
  const plan = { size, firstSeed: 401, seeds: 1, seconds: lossSeconds };
  const [[few], [many]] = await Promise.all([
    simulator.tell("1 % loss", plan),
    simulator.tell("5 % loss", plan),
  ]);
  if (few === undefined || many === undefined) throw new Error("a lossy cluster was not told of");
  const minutes = `${lossSeconds / 60} min`;
  const what = `${named(size)}, 5 % loss, ${minutes}`;
  return [
    atMost(
      `${named(size)}, 1 % loss, ${minutes}: taken for dead`,
      count(few.falseDeaths),
      everyGoal.falseDeaths,
      `suspected: ${few.falseSuspects}`,
    ),
    atMost(
      `${what}: taken for dead`,
      count(many.falseDeaths),
      everyGoal.falseDeaths,
      `suspected: ${many.falseSuspects}`,
    ),
    atMost(`${what}: suspicions not refuted`, count(many.unrefuted), everyGoal.unrefuted),
    atMost(
      `${what}: p99 from suspicion to refutation`,
      seconds(many.refutationP99Ms),
      goals.refutationP99Seconds,
    ),
  ];
}

/** `1,000 nodes`. */
export function named(size: number): string {
  return `${size.toLocaleString("en-US")} nodes`;
}
