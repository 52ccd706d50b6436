import { afterEach, describe, expect, test } from "bun:test";
import { LedgerError } from "../../../src/core/errors.ts";
import { formatEndpoint } from "../../../src/node/gossip/endpoint-text.ts";
import { Joiner } from "../../../src/node/gossip/joiner.ts";
import { SeedKeeper, type SeedPace } from "../../../src/node/gossip/seed-keeper.ts";
import { until } from "../../support/until.ts";

const fast: SeedPace = { retryMsMin: 4, retryMsMax: 32, refreshMs: 5 };

const keepers: SeedKeeper[] = [];

/** A world in which joins end at once, successfully if the endpoint is one of `answering`. */
function world(pace = fast) {
  const answering = new Set<string>();
  const members = new Set<string>();
  const names = new Map<string, readonly string[]>();
  const seeds: string[][] = [];
  const joins: { to: string; atMs: number }[] = [];
  const failed: unknown[] = [];
  let lookups = 0;
  let tries = 0;
  const joiner: Joiner = new Joiner({
    join: (to, request) => {
      const text = formatEndpoint(to);
      joins.push({ to: text, atMs: performance.now() });
      const error = answering.has(text) ? undefined : "refused";
      joiner.ended({ kind: "join-ended", request, error, members: error === undefined ? 2 : 0 });
    },
    isOwn: (endpoint) => formatEndpoint(endpoint) === "10.0.0.9:7946",
    lookup: async (host) => {
      lookups += 1;
      return names.get(host) ?? (await Promise.reject(new Error("ENOTFOUND")));
    },
  });
  const keeper = new SeedKeeper({
    joiner,
    pace,
    onSeeds: (found) => seeds.push(found.map(formatEndpoint)),
    onTried: () => (tries += 1),
    members: () => members,
    onFailed: (error) => failed.push(error),
  });
  keepers.push(keeper);
  const counts = (): { lookups: number; tries: number } => ({ lookups, tries });
  return { keeper, answering, members, names, seeds, joins, failed, counts };
}

afterEach(() => {
  for (const keeper of keepers.splice(0)) keeper.stop();
});

describe("SeedKeeper", () => {
  test("tries until one answers, and then no more", async () => {
    const { keeper, answering, seeds, joins, counts } = world();
    keeper.set(["10.0.0.1", "10.0.0.2:7000"]);
    await until("some tries", () => counts().tries >= 3);
    answering.add("10.0.0.2:7000");
    await until("a success", () => joins.at(-1)?.to === "10.0.0.2:7000" && counts().tries >= 4);
    const before = counts().tries;
    await Bun.sleep(60);
    expect(counts().tries - before).toBeLessThanOrEqual(1);
    expect(seeds).toEqual([["10.0.0.1:7946", "10.0.0.2:7000"]]);
  });

  test("waits longer each time, up to a bound", async () => {
    const { keeper, joins } = world({ retryMsMin: 20, retryMsMax: 80, refreshMs: 5 });
    keeper.set(["10.0.0.1"]);
    await until("tries", () => joins.length >= 6);
    const waits = joins.slice(1).map(({ atMs }, index) => atMs - (joins[index]?.atMs ?? 0));
    for (const [index, full] of [20, 40, 80, 80, 80].entries())
      expect(waits[index]).toBeGreaterThan(0.75 * full - 2);
    // It would be 240 ms at least without the bound.
    expect(waits[4]).toBeLessThan(240);
  });

  test("has joined if a seed is a member already, because it came first", async () => {
    const { keeper, members, joins, counts } = world();
    members.add("10.0.0.1:7946");
    keeper.set(["10.0.0.1", "10.0.0.2"]);
    await Bun.sleep(40);
    expect([joins, counts().tries]).toEqual([[], 0]);
  });

  test("looks names up again until all they stand for are members", async () => {
    const { keeper, answering, members, names, seeds, counts } = world();
    names.set("ledger", ["10.0.0.1", "10.0.0.9"]);
    answering.add("10.0.0.1:7946");
    keeper.set(["ledger"]);
    await until("the first", () => seeds.length === 1);
    members.add("10.0.0.1:7946");
    await until("rest", async () => {
      const before = counts().lookups;
      await Bun.sleep(30);
      return counts().lookups === before;
    });
    members.clear();
    names.set("ledger", ["10.0.0.2", "10.0.0.3"]);
    await until("the change", () => seeds.length === 2);
    expect(seeds).toEqual([["10.0.0.1:7946"], ["10.0.0.2:7946", "10.0.0.3:7946"]]);
  });

  test("lets a name that cannot be looked up stand for what it stood for", async () => {
    const { keeper, names, seeds, counts } = world();
    names.set("ledger", ["10.0.0.1"]);
    keeper.set(["ledger"]);
    await until("the first", () => seeds.length === 1);
    names.delete("ledger");
    const { lookups, tries } = counts();
    await until("more lookups and tries", () => counts().lookups > lookups + 2 && counts().tries > tries + 1);
    expect(seeds).toEqual([["10.0.0.1:7946"]]);
  });

  test("waits for a name that nobody knows yet", async () => {
    const { keeper, answering, names, seeds, joins, counts } = world();
    keeper.set(["ledger"]);
    await until("some lookups", () => counts().lookups >= 2);
    names.set("ledger", ["10.0.0.1"]);
    answering.add("10.0.0.1:7946");
    await until("the join", () => joins.length === 1);
    expect(seeds).toEqual([[], ["10.0.0.1:7946"]]);
  });

  test("goes on with other seeds, and with none", async () => {
    const { keeper, joins, seeds } = world();
    keeper.set(["10.0.0.1"]);
    await until("a join", () => joins.length > 0);
    keeper.set(["10.0.0.2"]);
    await until("the other", () => joins.at(-1)?.to === "10.0.0.2:7946");
    keeper.set([]);
    await until("none", () => seeds.at(-1)?.length === 0);
    const before = joins.length;
    await Bun.sleep(50);
    expect(joins.length).toBe(before);
    expect(seeds).toEqual([["10.0.0.1:7946"], ["10.0.0.2:7946"], []]);
  });

  test("refuses a bad address at once and goes on with the former", async () => {
    const { keeper, joins, failed } = world();
    keeper.set(["10.0.0.1"]);
    expect(() => keeper.set(["10.0.0.2", "host:0"])).toThrow(
      expect.objectContaining({
        constructor: LedgerError,
        facts: expect.objectContaining({ reason: "JOIN_ADDRESS_INVALID" }),
      }),
    );
    await until("more joins", () => joins.length > 2);
    expect(new Set(joins.map(({ to }) => to))).toEqual(new Set(["10.0.0.1:7946"]));
    keeper.stop();
    await Bun.sleep(0);
    expect(failed).toEqual([]);
  });
});
