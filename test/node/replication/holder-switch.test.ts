import { describe, expect, test } from "bun:test";
import { noEpoch } from "../../../src/core/epoch.ts";
import { HolderSwitch, type HolderSwitchUses } from "../../../src/node/replication/holder-switch.ts";
import { Turns } from "../../../src/node/replication/turns.ts";
import { Lead } from "../../../src/sync/lead.ts";
import type { Terms } from "../../../src/sync/terms.ts";
import { FakeParts, unreachable } from "./fake-parts.ts";
import { holding, later, own, root, terms } from "./later-holders.ts";

describe("HolderSwitch", () => {
  function switching(lead?: Lead) {
    const fake = new FakeParts();
    const saved: Terms[] = [];
    const copy = {
      ...{ contextId: "x", terms: terms(["a", "b", "c"]), isHolder: true, latest: 5 },
      position: async () => ({ latest: 5, root }),
      save: async (next: Terms) => void saved.push(next),
    };
    const home = { lead, end: () => {} };
    const uses = { copy, home, turns: new Turns(), holdersChanged: () => {} };
    return { fake, saved, holders: new HolderSwitch(fake.parts, uses as unknown as HolderSwitchUses) };
  }

  test("tells one that is no holder so once enough holders have accepted the epoch", async () => {
    const lead = new Lead({
      ...{ contextId: "x", selfId: "a", epoch: own, holders: ["a", "b", "c"], required: 2 },
      ...{ start: { latest: 5, root }, committed: 5, bufferBytesMax: 1000 },
    });
    const { fake, holders } = switching(lead);
    fake.answer = () => ({ kind: "stored", latest: 5 });
    await holders.tell("d");
    expect(fake.asked).toEqual([]);
    lead.adopted("b", { kind: "stored", latest: 5 });
    await holders.tell("b");
    expect(fake.asked).toEqual([]);
    await holders.tell("d");
    expect(fake.asked.map(({ to, kind }) => `${kind} ${to}`)).toEqual(["holders d"]);
  });

  test.each([
    ["enough of the later holders have accepted", [later, later], true],
    ["one of them has alone", [later, own], false],
    ["nobody else answers", [later, undefined], false],
  ] as const)("believes that it is none any more only if enough know: %s", async (_, answers, isLeaving) => {
    const { fake, saved, holders } = switching();
    const of = ["b", "c", "d"];
    fake.answer = ({ to }) => {
      const accepted = [answers[0], answers[1], noEpoch][of.indexOf(to)];
      return accepted === undefined ? unreachable() : { holding: holding(of, accepted) };
    };
    expect(await holders.learn(holding(of))).toBe(isLeaving);
    expect(saved.map(({ leaving }) => leaving)).toEqual(isLeaving ? [true] : []);
  });
});
