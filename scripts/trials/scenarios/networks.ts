/** Stories about links between nodes. The client reaches every node all the time. */

import { orderOf } from "../world/home.ts";
import { partition } from "../world/network.ts";
import { goesOn, noticed } from "./progress.ts";
import { linksOf, type Scenario } from "./scenario.ts";

export const cleanPartition: Scenario = {
  name: "partition",
  what: "the home is cut off from the two others, in both directions",
  needs: "links",
  run: async (trial) => {
    await trial.load();
    trial.say("the home is cut off");
    await partition(linksOf(trial), [0], [1, 2]);
    await noticed(trial.cluster.node(1), trial.cluster.node(0));
    const found = await goesOn(trial, "the home was cut off");
    await trial.load(2);
    trial.say("the network is whole again");
    await linksOf(trial).heal();
    await trial.load(2);
    return found;
  },
};

export const oneWayPartition: Scenario = {
  name: "one-way",
  what: "nothing that the home sends reaches the others, and it hears everything",
  needs: "links",
  run: async (trial) => {
    const links = linksOf(trial);
    await trial.load();
    trial.say("nobody hears the home");
    await Promise.all([links.cut(0, 1), links.cut(0, 2)]);
    await trial.load(4);
    const found = await goesOn(trial, "nobody heard the home");
    await trial.load();
    trial.say("everybody hears it again");
    await links.heal();
    await trial.load(2);
    return found;
  },
};

export const cutLink: Scenario = {
  name: "cut-link",
  what: "the link between the home and one other node is cut; the third node reaches both",
  needs: "links",
  run: async (trial) => {
    await trial.load();
    trial.say("one link is cut");
    await partition(linksOf(trial), [0], [2]);
    await trial.load(2);
    const found = await goesOn(trial, "one link was cut");
    await trial.load(2);
    trial.say("it is mended");
    await linksOf(trial).heal();
    await trial.load();
    return found;
  },
};

export const slowLink: Scenario = {
  name: "slow-link",
  what: "the home is behind a link of 200 ms more round trip and 5 % loss in each direction",
  needs: "slow links",
  run: async (trial) => {
    await trial.load();
    trial.say("the home's link is slow and lossy");
    await linksOf(trial).slow?.(0, { roundTripMs: 200, lossPerMille: 50 });
    const found = await goesOn(trial, "the home's link got slow");
    await trial.load(4);
    trial.say("it is fast again");
    await linksOf(trial).heal();
    await trial.load();
    return found;
  },
};

/** Both sides of a partition accept appends; when they meet, one of the two that lead them is killed during the merge. */
export const mergeWinnerKilled: Scenario = {
  name: "merge-winner-killed",
  what: "with --write-copies 1 both sides of a partition write; during the merge the home, or the successor, is killed",
  needs: "links",
  writeCopies: "1",
  resetsMax: 3,
  run: async (trial) => {
    const { cluster, random, contexts } = trial;
    const [, successor] = await orderOf(cluster, contexts[0] ?? "");
    await trial.load();
    trial.say("the home is cut off");
    await partition(linksOf(trial), [0], [1, 2]);
    await noticed(cluster.node(1), cluster.node(0));
    await trial.load(2);
    trial.say("the network is whole again");
    await linksOf(trial).heal();
    await Bun.sleep(random.between(0, 2_000));
    const victim = random.of([cluster.node(0), successor ?? cluster.node(1)]);
    trial.say(`${victim.name} is killed`);
    await victim.kill();
    await trial.load();
    await victim.start();
    await trial.load(2);
    return await goesOn(trial, "the merge");
  },
};
