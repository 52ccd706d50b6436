import { describe, expect, test } from "bun:test";
import { Locations } from "../../../src/node/replication/locations.ts";
import type { Holding } from "../../../src/sync/peer-messages.ts";
import { FakeParts, unreachable } from "./fake-parts.ts";

function holding(counter: number, latest: number, holders: readonly string[], leaving = false): Holding {
  const epoch = { counter, nodeId: "b" };
  return { holders, promised: epoch, accepted: epoch, committed: 0, leaving, latest, root: new Uint8Array() };
}

function locating(answers: Readonly<Record<string, Holding | "silent" | undefined>>) {
  const fake = new FakeParts();
  fake.answer = ({ to }) => {
    const answer = answers[to];
    return answer === "silent" ? unreachable() : { holding: answer };
  };
  return { fake, locations: new Locations(fake.parts, 1000) };
}

describe("Locations", () => {
  test("believes who has the newest history", async () => {
    const { locations } = locating({ b: holding(2, 9, ["b"]), c: holding(3, 1, ["c"]), d: undefined });
    expect((await locations.find("x")).newest?.holders).toEqual(["c"]);
    expect(locations.known("x")).toEqual(["c"]);
    locations.forget("x");
    expect(locations.known("x")).toBeUndefined();
  });

  test("does not believe who gives the context up", async () => {
    const { locations } = locating({ b: holding(2, 9, ["b"]), c: holding(3, 9, ["d"], true) });
    expect((await locations.find("x")).newest?.holders).toEqual(["b"]);
  });

  test("takes a promise of which nothing came for nothing", async () => {
    const { locations } = locating({ b: holding(0, 0, ["b"]) });
    expect((await locations.find("x")).newest).toBeUndefined();
    expect(locations.known("x")).toBeUndefined();
  });

  test("tells who is silent, and asks nothing of the dead", async () => {
    const { fake, locations } = locating({ c: "silent" });
    fake.dead.add("d");
    expect(await locations.find("x")).toEqual({ newest: undefined, silent: ["d", "c"] });
    expect(fake.asked.map(({ to }) => to)).toEqual(["b", "c"]);
    expect(locations.known("x")).toBeUndefined();
  });
});
