/** Somebody with the key takes the name of a member that lives, by lying about its death first. */

import { describe, expect, test } from "bun:test";
import { sameEndpoint } from "../../src/swim/endpoint.ts";
import { defaultDelegate, ownVersions } from "../../src/swim/versions.ts";
import { encodeCompound } from "../../src/swim/wire/compound.ts";
import { encodeMessage } from "../../src/swim/wire/encode-message.ts";
import type { Alive, Dead } from "../../src/swim/wire/messages.ts";
import { beginUnixMs } from "./harness/simulation.ts";
import { Cluster, nameOf } from "./harness/cluster.ts";

const victim = 2;
const incarnation = beginUnixMs / 1000;
/** A round of gossip, and what packets take. */
const soonMs = 1000;

function said(from: string): Dead {
  return { kind: "dead", node: nameOf(victim), incarnation, from };
}

const left = said(nameOf(victim));
const died = said("somebody");

const lies: readonly (readonly [string, readonly Dead[], number])[] = [
  ["left", [left], incarnation + 1],
  ["was forgotten", [died, left], incarnation + 1],
  ["left, and is far ahead", [left], incarnation + 1000],
  ["left, and counts from 1", [left], 1],
];

describe("a member that lives keeps its name from somebody else who says that it", () => {
  test.each(lies)("%s", (_, deaths, claimed) => {
    const cluster = new Cluster({ size: 5, seed: 61, isConverged: true, isTraced: false });
    const { simulation } = cluster;
    simulation.run(3000);
    const elsewhere = simulation.endpoint(cluster.add());
    const claim: Alive = {
      ...{ kind: "alive", node: nameOf(victim), incarnation: claimed, ...elsewhere },
      ...{ meta: new Uint8Array(), versions: ownVersions(defaultDelegate) },
    };
    const packet = encodeCompound([...deaths, claim].map(encodeMessage));
    const others = [0, 1, 3, 4];
    for (const other of others) simulation.inject(other, elsewhere, packet.slice());
    expect(places(cluster, others)).toEqual(others.map(() => "elsewhere"));

    simulation.run(soonMs);
    expect(places(cluster, others)).toEqual(others.map(() => "alive where it is"));
    expect(cluster.node(victim).counters.refutations).toBeGreaterThan(0);
    expect(cluster.node(others[0] ?? 0).counters.nameConflicts).toBeGreaterThan(0);
    simulation.run(60_000);
    expect(places(cluster, others)).toEqual(others.map(() => "alive where it is"));
  });
});

test("the place of a member that left counts for nothing once another has had its name for a while", () => {
  const cluster = new Cluster({ size: 3, seed: 62, isConverged: true, isTraced: false });
  const { simulation } = cluster;
  cluster.leave(victim);
  simulation.run(3000);
  const claim: Alive = {
    ...{ kind: "alive", node: nameOf(victim), incarnation: incarnation + 1 },
    ...{ meta: new Uint8Array(), versions: ownVersions(defaultDelegate) },
    ...simulation.endpoint(cluster.add()),
  };
  const old = { ...claim, incarnation: incarnation + 2, ...simulation.endpoint(victim) };
  const node = cluster.node(0);
  node.handle({ kind: "packet", from: claim, bytes: encodeMessage(claim) }, simulation.nowMs);
  const later = simulation.nowMs + cluster.timing.gossipToTheDeadMs + 1;
  node.handle({ kind: "packet", from: old, bytes: encodeMessage(old) }, later);
  expect(places(cluster, [0])).toEqual(["elsewhere"]);
});

/** Where each of some nodes believes the victim to be. */
function places(cluster: Cluster, observers: readonly number[]): string[] {
  return observers.map((observer) => {
    const member = cluster
      .node(observer)
      .members()
      .find(({ name }) => name === nameOf(victim));
    if (member === undefined) return "unknown";
    return sameEndpoint(member.endpoint, cluster.simulation.endpoint(victim))
      ? `${member.state} where it is`
      : "elsewhere";
  });
}
