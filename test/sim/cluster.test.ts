import { describe, expect, test } from "bun:test";
import { timingProfiles } from "../../src/swim/timing.ts";
import { Cluster, type ClusterOptions, withoutLifeguard } from "./harness/cluster.ts";
import { afterwards, chaos } from "./scenarios/chaos.ts";
import { join, leave } from "./scenarios/join-and-leave.ts";
import { massCrash, massRestart, partition } from "./scenarios/mass-events.ts";
import { oneCrash } from "./scenarios/one-crash.ts";
import { alarmsIn, idleLoad } from "./scenarios/quiet-time.ts";
import { slowNodes } from "./scenarios/slow-nodes.ts";

/** Real protocol code under a virtual clock: these take as long as computing does, so the limit is generous. */
const limitMs = 120_000;

function converged(size: number, seed: number, options: Partial<ClusterOptions> = {}): Cluster {
  return new Cluster({ size, seed, isConverged: true, isTraced: false, ...options });
}

describe("among 1,000 nodes", () => {
  test.each([1, 2, 3, 4, 5])(
    "a crash is known everywhere within 20 s (seed %i)",
    (seed) => {
      const { firstDeadMs, knownByAllMs } = oneCrash(converged(1000, seed));
      expect(knownByAllMs).toBeLessThanOrEqual(20_000);
      // Nobody is taken for dead before it had the time of a suspect to contradict.
      expect(firstDeadMs).toBeGreaterThan(12_000);
    },
    limitMs,
  );

  test.each([11, 12, 13])(
    "a join is known by 99 of 100 within 2 s and by all within 4 s (seed %i)",
    (seed) => {
      const { knownBy99Ms, knownByAllMs, newcomerKnowsAllMs } = join(converged(1000, seed));
      expect(knownBy99Ms).toBeLessThanOrEqual(2000);
      expect(knownByAllMs).toBeLessThanOrEqual(4000);
      expect(newcomerKnowsAllMs).toBeLessThanOrEqual(1000);
    },
    limitMs,
  );

  test.each([21, 22, 23])(
    "a good-bye is known by 99 of 100 within 2 s, and nobody takes it for a death (seed %i)",
    (seed) => {
      const { knownBy99Ms, takenForDead } = leave(converged(1000, seed));
      expect(knownBy99Ms).toBeLessThanOrEqual(2000);
      expect(takenForDead).toBe(0);
    },
    limitMs,
  );

  test.each([1, 5])(
    "%d percent of lost packets kills nobody, and every suspicion is refuted",
    (percent) => {
      const lossy = { conditions: { lossRate: percent / 100 } };
      const { falseDeaths, unrefuted, refutationP99Ms } = alarmsIn(converged(1000, 31, lossy), 30);
      expect({ falseDeaths, unrefuted }).toEqual({ falseDeaths: 0, unrefuted: 0 });
      expect(refutationP99Ms).toBeLessThanOrEqual(5000);
    },
    limitMs,
  );

  test(
    "nothing but probes is sent while nothing happens, and no more by each than among 100",
    () => {
      const large = idleLoad(converged(1000, 41), 20);
      const small = idleLoad(converged(100, 41), 20);
      expect(large.otherPackets).toBe(0);
      expect(large.probeMessages).toBeLessThanOrEqual(2.2);
      expect(large.packetBytes).toBeLessThanOrEqual(500);
      expect(large.probeMessages / small.probeMessages).toBeGreaterThan(0.9);
      expect(large.probeMessages / small.probeMessages).toBeLessThan(1.1);
      // Names are longer by a digit.
      expect(large.packetBytes / small.packetBytes).toBeLessThan(1.1);
    },
    limitMs,
  );
});

describe("among hundreds of nodes", () => {
  test(
    "all survivors know within 40 s that 3 of 10 have crashed at once",
    () => {
      expect(massCrash(converged(200, 51), 0.3)).toBeLessThanOrEqual(40_000);
    },
    limitMs,
  );

  test(
    "a partition of a minute is over within 90 s of its healing",
    () => {
      expect(partition(converged(200, 52), 60_000)).toBeLessThanOrEqual(90_000);
    },
    limitMs,
  );

  test(
    "everybody is alive everywhere a minute after everybody was restarted",
    () => {
      expect(massRestart(converged(200, 53), 60_000, 5000)).toBeLessThanOrEqual(60_000);
    },
    limitMs,
  );

  test(
    "Lifeguard keeps healthy members alive in a cluster with slow ones and losses; without it some are taken for dead",
    () => {
      const lossy = { conditions: { lossRate: 0.2 }, stallAware: false };
      const stalls = { seed: 9, seconds: 120, part: 0.1, stallMsMax: 20_000 };
      const timing = timingProfiles.lan;
      const deaths = (options: Partial<ClusterOptions>) =>
        slowNodes(converged(200, 9, { ...lossy, ...options }), stalls).falseDeaths;
      const without = deaths({ timing: withoutLifeguard(timing) });
      expect(without).toBeGreaterThanOrEqual(5);
      expect(deaths({ timing }) * 20).toBeLessThanOrEqual(without);
    },
    limitMs,
  );
});

test("among 5 nodes with local timing a crash is known everywhere within 7 s, 95 times of 100", () => {
  const seeds = Array.from({ length: 200 }, (_, index) => 3000 + index);
  const timing = timingProfiles.local;
  const known = seeds
    .map((seed) => oneCrash(converged(5, seed, { timing })).knownByAllMs)
    .toSorted((a, b) => a - b);
  expect(known[189]).toBeLessThanOrEqual(7000);
  // Who hears nothing waits for its own patience, 18 s.
  expect(known[197]).toBeLessThanOrEqual(10_000);
});

describe("whatever happens to 12 nodes, in the end all agree with each other and with the truth", () => {
  const bad = {
    ...{ lossRate: 0.03, duplicateRate: 0.02, reorderRate: 0.05 },
    ...{ replayRate: 0.02, delayMsMin: 1, delayMsTail: 10 },
  };
  const seeds = Array.from({ length: 25 }, (_, index) => 1000 + index);

  test.each(seeds)(
    "seed %d",
    (seed) => {
      const timing = timingProfiles.local;
      const cluster = converged(12, seed, {
        conditions: bad,
        timing,
        isIpv6: (machine) => machine % 5 === 4,
      });
      chaos(cluster, 40, 4000);
      expect(afterwards(cluster).disagreements).toEqual([]);
    },
    limitMs,
  );
});

describe("a seed", () => {
  const story = (seed: number) => {
    const cluster = converged(20, seed, { conditions: { lossRate: 0.05 }, isTraced: true });
    chaos(cluster, 20, 2000);
    const { simulation } = cluster;
    return { hash: simulation.traceHash, steps: simulation.steps, traffic: simulation.traffic.packets };
  };

  test("gives the same run again, to the last bit", () => {
    expect(story(7)).toEqual(story(7));
  });

  test("gives another run than another seed", () => {
    expect(story(7).hash).not.toBe(story(8).hash);
  });
});
