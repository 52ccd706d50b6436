/** Clusters of this process: the real gossip on loopback, over ledgers in memory. */

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { ClusterSettings } from "../../src/core/cluster-settings.ts";
import { KeyHolder } from "../../src/node/gossip/key-holder.ts";
import { createSystemClock } from "../../src/node/system-clock.ts";
import type { JoinOutcome } from "../../src/rpc/cluster.ts";
import { GossipCluster } from "../../src/server/gossip-cluster.ts";
import { ledgerWorld } from "../support/ledger-world.ts";
import { patienceMs, until } from "../support/until.ts";

setDefaultTimeout(2 * patienceMs);

const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet, isEnabled: () => true };
const running: { stop(): Promise<unknown> }[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((child) => child.stop()));
});

async function startNode(
  name: string,
  { seeds = [], ...settings }: Partial<ClusterSettings> & { seeds?: readonly string[] } = {},
) {
  const { ledger } = ledgerWorld();
  const world = { canWrite: true, misfits: [] as JoinOutcome[] };
  const own: ClusterSettings = { replicas: 3, writeCopies: "majority", ...settings };
  const nodeId = new Bun.CryptoHasher("md5").update(name).digest("hex");
  const cluster = new GossipCluster({
    gossip: { host: "127.0.0.1", port: 0 },
    advertise: undefined,
    label: "",
    profile: "local",
    keys: KeyHolder.open(undefined),
    seeds,
    ledger: () => ledger,
    self: () => ({ name, nodeId, tags: () => ({ nodeId, ...own, canWrite: world.canWrite }) }),
    settings: own,
    clock: createSystemClock(),
    log: quiet,
    onChange: () => {},
    onMisfit: (outcome) => void world.misfits.push(outcome),
  });
  const child = await cluster.start(() => true);
  running.push(child);
  const names = (): string[] => cluster.members().map((member) => member.name);
  return { cluster, child, world, ledger, address: cluster.status()?.address ?? "", names };
}

const { signal } = new AbortController();

describe("hasExchanged()", () => {
  test("is true at once for a node that knows nobody", async () => {
    const { cluster } = await startNode("a");
    expect(cluster.hasExchanged()).toBe(true);
  });

  test("becomes true, and is told, when one of those a node was to join is there", async () => {
    const a = await startNode("a");
    const b = await startNode("b", { seeds: ["127.0.0.1:1", a.address] });
    const told = Promise.withResolvers<void>();
    if (b.cluster.hasExchanged()) told.resolve();
    b.cluster.onExchanged(told.resolve);
    await told.promise;
    expect([b.cluster.hasExchanged(), b.names()]).toEqual([true, ["b", "a"]]);
  });

  test("says that dead members are on the roster that this node has never seen", async () => {
    const a = await startNode("a");
    const b = await startNode("b", { seeds: [a.address] });
    await until("a has b", () => a.names().includes("b"));
    await b.child.stop();
    const stateOfB = ({ cluster }: typeof a) => cluster.members().find(({ name }) => name === "b")?.state;
    await until("a misses b", () => stateOfB(a) === "dead");
    const c = await startNode("c", { seeds: [a.address] });
    await until("c has exchanged", () => c.cluster.hasExchanged());
    expect(stateOfB(c)).toBe("dead");
    expect(
      c.ledger.roster
        .members()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["a", "b", "c"]);
  });

  test("stays false while nobody is there", async () => {
    const { cluster } = await startNode("a", { seeds: ["127.0.0.1:1"] });
    await Bun.sleep(300);
    expect(cluster.hasExchanged()).toBe(false);
  });
});

describe("other settings", () => {
  test("keep a node out that is to join by command, and both sides as they are", async () => {
    const a = await startNode("a");
    const b = await startNode("b", { replicas: 5 });
    for (const [from, to, here, there] of [
      [a, b, 3, 5],
      [b, a, 5, 3],
    ] as const) {
      const [outcome] = await from.cluster.join([to.address], signal);
      expect(outcome).toMatchObject({ members: 0, isRefused: true });
      expect(outcome?.error).toContain(`--replicas is ${there} there and ${here} here`);
    }
    expect([a.names(), b.names(), a.ledger.roster.members().length]).toEqual([["a"], ["b"], 1]);
    expect([a.world.misfits, b.world.misfits]).toEqual([[], []]);
  });

  test("are told of a node that was started to join", async () => {
    const a = await startNode("a");
    const b = await startNode("b", { seeds: [a.address], writeCopies: "all" });
    await until("it is told", () => b.world.misfits.length > 0);
    expect(b.world.misfits[0]).toMatchObject({ address: a.address, isRefused: true });
    expect([b.cluster.hasExchanged(), a.names(), a.ledger.roster.members().length]).toEqual([
      false,
      ["a"],
      1,
    ]);
  });

  test("of one node are no reason for others to part", async () => {
    const a = await startNode("a");
    const b = await startNode("b", { seeds: ["127.0.0.1:1", a.address] });
    await until("they have met", () => b.cluster.hasExchanged());
    const c = await startNode("c", { replicas: 1 });
    await c.cluster.join([a.address, b.address], signal);
    expect((await b.cluster.join([a.address], signal))[0]).toMatchObject({ members: 2, error: undefined });
    expect([a.names(), b.names(), c.names()]).toEqual([["a", "b"], ["b", "a"], ["c"]]);
  });
});

test("what a node says about itself is told anew when it has changed", async () => {
  const a = await startNode("a");
  const b = await startNode("b", { seeds: [a.address] });
  await until("they have met", () => a.names().length === 2);
  const changes: string[] = [];
  b.cluster.onChange(
    ({ kind, member }) => void changes.push(`${kind} ${member.name} ${member.tags.canWrite}`),
  );
  b.world.canWrite = false;
  const seen = (): unknown => a.cluster.members().find(({ name }) => name === "b")?.tags.canWrite;
  await until("the other knows", () => seen() === false);
  expect(changes).toContain("updated b false");
  b.world.canWrite = true;
  await until("the other knows again", () => seen() === true);
});
