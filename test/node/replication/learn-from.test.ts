import { describe, expect, test } from "bun:test";
import type { ContextReplica } from "../../../src/node/replication/context-replica.ts";
import { learnFrom } from "../../../src/node/replication/learn-from.ts";
import type { Holding } from "../../../src/sync/peer-messages.ts";
import { FakeParts, unreachable } from "./fake-parts.ts";
import { holding, own, terms } from "./later-holders.ts";

describe("learnFrom()", () => {
  function learning(answer: Holding | undefined) {
    const fake = new FakeParts();
    fake.answer = () => ({ holding: answer });
    const learned: (readonly string[])[] = [];
    const led: (readonly string[])[] = [];
    const replica = {
      ...{ contextId: "x", isHolder: true, terms: terms(["b", "a", "c"]) },
      learn: async ({ holders }: Holding) => (learned.push(holders), false),
      ensureLead: async ({ holders }: { holders: readonly string[] }) => void led.push(holders),
    };
    return { fake, replica: replica as unknown as ContextReplica, learned, led };
  }

  test.each<[string, Holding | undefined, number, number]>([
    ["becomes the home that later holders want", holding(["a", "c"]), 1, 1],
    ["is not the home if they want another", holding(["c", "a"]), 1, 0],
    ["is not the home by what it knew", holding(["a", "c"], own), 1, 0],
    ["passes over a copy that is given up", { ...holding(["a", "c"]), leaving: true }, 0, 0],
    ["passes over nothing", undefined, 0, 0],
  ])("%s", async (_, answer, learns, leads) => {
    const { fake, replica, learned, led } = learning(answer);
    await learnFrom(fake.parts, replica, "c");
    expect([learned.length, led.length]).toEqual([learns, leads]);
  });

  test("goes on if the node does not answer", async () => {
    const { fake, replica, learned } = learning(undefined);
    fake.answer = unreachable;
    await learnFrom(fake.parts, replica, "c");
    expect(learned).toEqual([]);
  });
});
