/** Stories about processes that end, stand still, start and come late. */

import { goesOn, noticed } from "./progress.ts";
import type { Scenario, Trial } from "./scenario.ts";

/** The control: whatever copies nothing keeps its promises here, or the trial itself is wrong. */
export const alone: Scenario = {
  name: "alone",
  what: "a node without others is killed with -9 twice, and stands still once",
  nodes: 1,
  run: async (trial) => {
    const node = trial.cluster.node(0);
    const found: string[] = [];
    for (const what of ["first", "second"]) {
      await trial.load();
      trial.say(`${node.name} is killed`);
      await node.kill();
      await node.start();
      found.push(...(await goesOn(trial, `the ${what} start`)));
    }
    node.stop();
    await Bun.sleep(2_000);
    node.resume();
    await trial.load();
    return found;
  },
};

export const killHome: Scenario = {
  name: "kill-home",
  what: "the home of a context is killed with -9 and started again later",
  run: async (trial) => {
    const home = trial.cluster.node(0);
    await trial.load();
    trial.say(`${home.name} is killed`);
    await home.kill();
    const found = await goesOn(trial, "the home was killed");
    await noticed(trial.cluster.node(1), home);
    await trial.load();
    trial.say(`${home.name} is started again`);
    await home.start();
    await trial.load();
    return found;
  },
};

export const stopHome: Scenario = {
  name: "stop-home",
  what: "the home stands still (SIGSTOP) until others take it for dead, with appends in its pipeline, and goes on then",
  run: async (trial) => {
    const home = trial.cluster.node(0);
    await trial.load();
    trial.say(`${home.name} stands still`);
    home.stop();
    await noticed(trial.cluster.node(1), home);
    const found = await goesOn(trial, "the home stood still");
    await trial.load();
    trial.say(`${home.name} goes on`);
    home.resume();
    await trial.load(2);
    return found;
  },
};

export const restartTwo: Scenario = {
  name: "restart-two",
  what: "two of three nodes are killed at one moment and started again at one moment",
  run: async (trial) => {
    const pair = [trial.cluster.node(0), trial.cluster.node(1)];
    await trial.load();
    trial.say("two nodes are killed");
    await Promise.all(pair.map(async (node) => await node.kill()));
    await Bun.sleep(trial.random.between(0, 3_000));
    trial.say("both are started");
    await Promise.all(pair.map(async (node) => await node.start()));
    const found = await goesOn(trial, "two nodes were restarted");
    await trial.load();
    return found;
  },
};

export const startAtOnce: Scenario = {
  name: "start-at-once",
  what: "three empty nodes start at one moment, each told to join the others, and are written to at once",
  start: async (cluster) => await cluster.startAtOnce(),
  run: async (trial) => {
    const found = await goesOn(trial, "three nodes were started");
    await trial.load();
    return found;
  },
};

export const joinLate: Scenario = {
  name: "join-late",
  what: "a third, empty node joins two that have a history, and catches up under load",
  start: async (cluster) => await cluster.start([0, 1]),
  run: async (trial) => {
    const { cluster, recorder } = trial;
    await trial.load(2);
    trial.say(`${cluster.node(2).name} joins`);
    await cluster.join(2, 0);
    recorder.watch(cluster.node(2));
    await trial.load(2);
    return [];
  },
};

export const longAbsence: Scenario = {
  name: "long-absence",
  what: "a node is away while much is written, and comes back while more is",
  pauseMs: 4,
  run: async (trial) => {
    const absent = trial.cluster.node(2);
    await trial.load();
    trial.say(`${absent.name} is killed`);
    await absent.kill();
    await noticed(trial.cluster.node(0), absent);
    await trial.load(4);
    const before = await ratePerSecond(trial);
    trial.say(`${absent.name} comes back`);
    await absent.start();
    const during = await ratePerSecond(trial);
    await trial.load();
    trial.say(`${before.toFixed(0)} appends/s before it came back, ${during.toFixed(0)} while it catches up`);
    return during < before / 5
      ? [`appends fell from ${before.toFixed(0)} to ${during.toFixed(0)} a second when a node came back`]
      : [];
  },
};

async function ratePerSecond({ recorder, load }: Trial): Promise<number> {
  const began = performance.now();
  await load();
  return recorder.acknowledgedSince(began) / ((performance.now() - began) / 1000);
}
