/**
 * What memberlist's tests say of a few nodes together, under a virtual clock. Large clusters and bad networks are the
 * business of test/sim.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { timingProfiles } from "../../src/swim/timing.ts";
import { encodeMessage } from "../../src/swim/wire/encode-message.ts";
import { disagreements } from "../sim/check/agreement.ts";
import { Cluster, type ClusterOptions, nameOf } from "../sim/harness/cluster.ts";
import { aliveOf, deadOf, suspectOf } from "./solo-node.ts";

const timing = timingProfiles.local;

function clusterOf(size: number, options: Partial<ClusterOptions> = {}): Cluster {
  return new Cluster({ size, seed: 42, timing, isConverged: true, ...options });
}

/** Lets time pass until all agree with the truth; returns how long that was. */
function agreedAfterMs(cluster: Cluster, limitMs: number): number | undefined {
  return cluster.simulation.runUntil(() => disagreements(cluster).length === 0, limitMs, 100);
}

describe("nodes that join through one", () => {
  test.each([
    ["IPv4", () => false],
    ["IPv6", () => true],
    ["both", (machine: number) => machine % 2 === 0],
  ] as const)("all know all: 16 over %s", (_, isIpv6) => {
    const cluster = clusterOf(16, { isConverged: false, isIpv6, metaBytes: 200 });
    for (let machine = 0; machine < 16; machine++) cluster.join(machine, [0]);
    // Gossip may miss somebody; an exchange of states does not.
    expect(agreedAfterMs(cluster, 2 * timing.pushPullIntervalMs)).toBeDefined();
    cluster.simulation.run(60_000);
    expect(disagreements(cluster)).toEqual([]);
    expect(cluster.alive().map((machine) => cluster.node(machine).counters.suspicions)).toEqual(
      cluster.alive().map(() => 0),
    );
  });

  test("that is not there find each other later, when it is", () => {
    const cluster = clusterOf(3, { isConverged: false });
    cluster.join(1, [0]);
    cluster.join(2, [0]);
    cluster.simulation.run(20_000);
    expect(cluster.view(1, 2)).toBeUndefined();
    cluster.join(0, []);
    expect(agreedAfterMs(cluster, 20_000)).toBeDefined();
  });
});

describe("a node that", () => {
  test("crashes is dead to all others, and alive again once it is back", () => {
    const cluster = clusterOf(5);
    cluster.simulation.run(2000);
    cluster.crash(2);
    cluster.simulation.run(30_000);
    expect([0, 1, 3, 4].map((other) => cluster.view(other, 2))).toEqual(["dead", "dead", "dead", "dead"]);
    cluster.join(2, [0]);
    expect(agreedAfterMs(cluster, 2 * timing.pushPullIntervalMs)).toBeDefined();
    expect(cluster.view(4, 2)).toBe("alive");
  });

  test("leaves is left to all others within a second", () => {
    const cluster = clusterOf(5);
    cluster.leave(2);
    cluster.simulation.run(1000);
    expect([0, 1, 3, 4].map((other) => cluster.view(other, 2))).toEqual(["left", "left", "left", "left"]);
    cluster.join(2, [0]);
    expect(agreedAfterMs(cluster, 2 * timing.pushPullIntervalMs)).toBeDefined();
  });

  test("stops is dead to all others within a second, and alive again once it is back", () => {
    const cluster = clusterOf(5);
    cluster.stop(2);
    cluster.simulation.run(1000);
    expect([0, 1, 3, 4].map((other) => cluster.view(other, 2))).toEqual(["dead", "dead", "dead", "dead"]);
    cluster.join(2, [0]);
    expect(agreedAfterMs(cluster, 2 * timing.pushPullIntervalMs)).toBeDefined();
  });

  test("restarts with its wall clock put back goes beyond what it was", () => {
    const cluster = clusterOf(5);
    cluster.simulation.run(2000);
    const before = cluster.node(2).incarnation;
    cluster.crash(2);
    cluster.simulation.jumpClock(2, { wallMs: -365 * 24 * 3_600_000 });
    cluster.simulation.run(30_000);
    cluster.join(2, [0]);
    expect(cluster.node(2).incarnation).toBeLessThan(before);
    expect(agreedAfterMs(cluster, 5000)).toBeDefined();
    expect(cluster.node(2).incarnation).toBeGreaterThan(before);
  });

  test.each([10_000, 3_600_000])(
    "has its process clock put forward by %d ms takes nobody for dead",
    (processMs) => {
      const cluster = clusterOf(5);
      cluster.simulation.run(2500);
      cluster.simulation.jumpClock(2, { processMs });
      cluster.simulation.run(60_000);
      expect(disagreements(cluster)).toEqual([]);
      expect(cluster.alive().map((machine) => cluster.node(machine).counters.deaths)).toEqual([
        0, 0, 0, 0, 0,
      ]);
    },
  );

  test("is said to be dead contradicts within moments, and is alive to all", () => {
    const cluster = clusterOf(5);
    cluster.simulation.run(2000);
    const { incarnation } = cluster.node(2);
    const lie = encodeMessage(deadOf(nameOf(2), { incarnation }));
    cluster.simulation.inject(0, cluster.simulation.endpoint(4), lie);
    expect(cluster.view(0, 2)).toBe("dead");
    expect(agreedAfterMs(cluster, 1000)).toBeDefined();
    expect(cluster.node(2).incarnation).toBe(incarnation + 1);
    expect(cluster.alive().map((machine) => cluster.node(machine).counters.refutations)).toEqual([
      0, 0, 1, 0, 0,
    ]);
  });

  test("is suspected with the greatest incarnation that is possible is alive to all in the end", () => {
    const cluster = clusterOf(5);
    const lie = encodeMessage(suspectOf(nameOf(2), { incarnation: 0xffff_ffef }));
    const beyond = encodeMessage(suspectOf(nameOf(2), { incarnation: 0xffff_fff0 }));
    for (const bytes of [lie, beyond]) cluster.simulation.inject(0, cluster.simulation.endpoint(4), bytes);
    expect(cluster.view(0, 2)).toBe("suspect");
    cluster.simulation.run(60_000);
    expect(disagreements(cluster)).toEqual([]);
  });

  test("is impersonated from another place keeps its name, and everybody is told", () => {
    const cluster = clusterOf(5);
    const impostor = cluster.simulation.endpoint(4);
    const lie = encodeMessage(
      aliveOf(nameOf(2), { ...impostor, incarnation: cluster.node(2).incarnation + 10 }),
    );
    const conflicts = new Set<number>();
    cluster.simulation.observe((machine, effect) => {
      if (effect.kind === "notice" && effect.notice.kind === "name-conflict") conflicts.add(machine);
    });
    for (const machine of [0, 1, 2, 3]) cluster.simulation.inject(machine, impostor, lie.slice());
    cluster.simulation.run(5000);
    expect(disagreements(cluster)).toEqual([]);
    expect(conflicts).toEqual(new Set([0, 1, 2, 3]));
    expect(cluster.node(2).counters).toMatchObject({ refutations: 1, nameConflicts: 1 });
  });
});

describe("all of 20 nodes restarted", () => {
  // memberlist's issue 311: nodes that count their incarnations from 1 stay dead to those that remember more.
  test.each([
    ["at once", 0],
    ["one after the other", 1000],
  ])("%s, remembering nothing, are alive to all", (_, apartMs) => {
    const cluster = clusterOf(20);
    cluster.simulation.run(5000);
    for (const machine of cluster.alive()) {
      cluster.crash(machine);
      cluster.simulation.at(cluster.simulation.nowMs + 2000, () => cluster.join(machine, [0, 1, 2]));
      cluster.simulation.run(apartMs);
    }
    cluster.simulation.run(2000);
    expect(agreedAfterMs(cluster, 20_000)).toBeDefined();
    cluster.simulation.run(60_000);
    expect(disagreements(cluster)).toEqual([]);
  });

  test("with their wall clocks put back to 1970 are alive to all too", () => {
    const cluster = clusterOf(20);
    cluster.simulation.run(5000);
    for (const machine of cluster.alive()) {
      cluster.crash(machine);
      cluster.simulation.jumpClock(machine, { wallMs: -1_750_000_000_000 });
      cluster.simulation.at(cluster.simulation.nowMs + 2000, () => cluster.join(machine, [0, 1, 2]));
      cluster.simulation.run(1000);
    }
    cluster.simulation.run(2000);
    expect(agreedAfterMs(cluster, 60_000)).toBeDefined();
  });
});
