/** Stories about disks. */

import { join } from "node:path";
import { flipBit } from "../world/flip-bit.ts";
import { goesOn } from "./progress.ts";
import type { Scenario } from "./scenario.ts";

export const fullDisk: Scenario = {
  name: "full-disk",
  what: "the home's disk gets full, and has space again later",
  needs: "small disk",
  run: async (trial) => {
    await trial.load();
    trial.say("the home's disk is full");
    await trial.disk?.fill();
    await trial.load(2);
    const found = await goesOn(trial, "the home's disk was full");
    trial.say("it has space again");
    await trial.disk?.empty();
    await trial.load(2);
    return found;
  },
};

export const flippedBit: Scenario = {
  name: "flipped-bit",
  what: "a bit flips in the home's file while it is stopped; the scrub finds it and others repair it",
  flags: ["--scrub-rate", "100000"],
  run: async (trial) => {
    const home = trial.cluster.node(0);
    await trial.load();
    // A regular end moves everything into the main file: a bit in the log of a crash would only shorten the log.
    await home.end();
    const flipped = flipBit(join(home.settings.data, "ledger.db"), /writer 0-\d+/);
    trial.say(flipped === undefined ? "no entry was found in the file" : `a bit of ${flipped} flipped`);
    await home.start();
    await trial.load(2);
    return flipped === undefined ? ["no entry was found in the home's file"] : [];
  },
};
