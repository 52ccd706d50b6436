import { describe, expect, test } from "bun:test";
import type { Effect } from "../../src/swim/effect.ts";
import { endpointOf, machineAt } from "./harness/addresses.ts";
import { ScriptedNode, timer, toDo } from "./harness/scripted-node.ts";
import { Simulation, type SimulationOptions } from "./harness/simulation.ts";

type Options = Partial<SimulationOptions<ScriptedNode>>;

/** Machines with nodes that do only what they are told. */
function simulate(machines: number, options: Options = {}): Simulation<ScriptedNode> {
  const simulation = new Simulation<ScriptedNode>({
    ...{ seed: 1, timerLateMs: 0, start: (life) => new ScriptedNode(life) },
    ...options,
  });
  for (let index = 0; index < machines; index++) simulation.boot(simulation.add());
  return simulation;
}

function heardBy(simulation: Simulation<ScriptedNode>, machine: number): ScriptedNode {
  const node = simulation.node(machine);
  if (node === undefined) throw new Error(`no process on machine ${machine}`);
  return node;
}

function send(simulation: Simulation<ScriptedNode>, from: number, to: number, ...bytes: number[]): void {
  simulation.input(from, toDo({ kind: "send", to: simulation.endpoint(to), bytes: Uint8Array.from(bytes) }));
}

function setTimer(simulation: Simulation<ScriptedNode>, machine: number, id: number, afterMs: number): void {
  simulation.input(machine, toDo({ kind: "set-timer", timer: timer(id), afterMs }));
}

describe("machineAt() finds the machine of endpointOf()", () => {
  test.each([0, 1, 255, 256, 65_535, 65_536, 1_000_000])("%d", (index) => {
    expect(machineAt(endpointOf(index))).toBe(index);
    expect(machineAt(endpointOf(index, true))).toBe(index);
    expect(machineAt({ ...endpointOf(index), port: 1 })).toBe(-1);
  });
});

describe("packets", () => {
  test("arrive after the delay of the network", () => {
    const simulation = simulate(2, { conditions: { delayMsMin: 7, delayMsTail: 0 } });
    send(simulation, 0, 1, 9);
    simulation.run(6.9);
    expect(heardBy(simulation, 1).packets).toEqual([]);
    simulation.run(0.2);
    expect(heardBy(simulation, 1).packets).toEqual([9]);
    expect(heardBy(simulation, 1).heard.at(-1)?.nowMs).toBe(7);
  });

  test("are lost at the rate of the conditions", () => {
    const simulation = simulate(2, { conditions: { lossRate: 0.1 } });
    for (let count = 0; count < 10_000; count++) send(simulation, 0, 1, 1);
    simulation.run(1000);
    expect(Math.abs(heardBy(simulation, 1).packets.length - 9000)).toBeLessThan(150);
  });

  test("are duplicated, replayed later and reordered", () => {
    const conditions = { duplicateRate: 0.1, replayRate: 0.1, replayMs: 60_000, reorderRate: 0.1 };
    const simulation = simulate(2, { conditions });
    for (let count = 0; count < 200; count++) simulation.at(count * 10, () => send(simulation, 0, 1, count));
    simulation.run(2100);
    const { packets } = heardBy(simulation, 1);
    expect(packets.length).toBeGreaterThan(200);
    expect(packets).not.toEqual(packets.toSorted((a, b) => Number(a) - Number(b)));
    simulation.run(60_000);
    expect(heardBy(simulation, 1).packets.length).toBeGreaterThan(packets.length);
    expect(new Set(heardBy(simulation, 1).packets).size).toBe(200);
  });

  test("do not pass a cut, in its direction, until it is healed", () => {
    const simulation = simulate(3);
    const heal = simulation.network.cutOneWay(
      (machine) => machine === 0,
      (machine) => machine === 1,
    );
    send(simulation, 0, 1, 1);
    send(simulation, 1, 0, 2);
    send(simulation, 0, 2, 3);
    simulation.run(1000);
    heal();
    send(simulation, 0, 1, 4);
    simulation.run(1000);
    expect(simulation.live().map((machine) => heardBy(simulation, machine).packets)).toEqual([[2], [4], [3]]);
  });

  test("do not pass between the sides of a partition", () => {
    const simulation = simulate(4);
    const heal = simulation.network.partition((machine) => machine < 2);
    for (const from of [0, 1, 2, 3]) for (const to of [0, 1, 2, 3]) send(simulation, from, to, from);
    simulation.run(1000);
    const sides = simulation
      .live()
      .map((machine) => heardBy(simulation, machine).packets.toSorted((a, b) => Number(a) - Number(b)));
    expect(sides).toEqual([
      [0, 1],
      [0, 1],
      [2, 3],
      [2, 3],
    ]);
    heal();
    send(simulation, 0, 3, 9);
    simulation.run(1000);
    expect(heardBy(simulation, 3).packets).toContain(9);
  });

  test("to a machine without a process, or to none, go nowhere", () => {
    const simulation = simulate(2);
    simulation.crash(1);
    send(simulation, 0, 1, 1);
    simulation.input(0, toDo({ kind: "send", to: endpointOf(77), bytes: Uint8Array.of(1) }));
    simulation.run(1000);
    simulation.boot(1);
    simulation.run(1000);
    expect(heardBy(simulation, 1).kinds).toEqual(["start"]);
  });

  test("are counted by their first message", () => {
    const simulation = simulate(2);
    send(simulation, 0, 1, 0);
    send(simulation, 0, 1, 12, 0, 0, 0, 0, 2);
    send(simulation, 0, 1, 7, 2, 0, 1, 0, 1, 4, 5);
    expect(simulation.traffic.packets).toBe(3);
    expect(simulation.traffic.packetBytes).toBe(15);
    expect(["ping", "ack", "alive", "dead"].map((kind) => simulation.traffic.packetsOf(kind))).toEqual([
      1, 1, 1, 0,
    ]);
  });
});

describe("timers", () => {
  test("fire in the order of their times, those of one time in the order they were set", () => {
    const simulation = simulate(1);
    for (const [id, afterMs] of [
      [1, 30],
      [2, 10],
      [3, 30],
      [4, 0],
    ] as const)
      setTimer(simulation, 0, id, afterMs);
    simulation.run(100);
    const fired = heardBy(simulation, 0).heard.flatMap(({ input, nowMs }) =>
      input.kind === "timer" ? [[input.timer.id, nowMs]] : [],
    );
    expect(fired).toEqual([
      [4, 0],
      [2, 10],
      [1, 30],
      [3, 30],
    ]);
  });

  test("of an earlier life do not fire", () => {
    const simulation = simulate(1);
    setTimer(simulation, 0, 1, 10);
    simulation.crash(0);
    simulation.boot(0);
    simulation.run(100);
    expect(heardBy(simulation, 0).kinds).toEqual(["start"]);
  });
});

describe("a stalled node", () => {
  /** A packet at 5, a timer due at 10, one at 5,000; a stall from 0 to 3,000. */
  function stalled(stallAware: boolean): ScriptedNode {
    const simulation = simulate(2, { stallAware, conditions: { delayMsMin: 5, delayMsTail: 0 } });
    setTimer(simulation, 0, 1, 10);
    setTimer(simulation, 0, 2, 5000);
    send(simulation, 1, 0, 1);
    simulation.stall(0, 3000);
    simulation.run(2999);
    expect(heardBy(simulation, 0).kinds).not.toContain("packet");
    simulation.run(10_000);
    return heardBy(simulation, 0);
  }
  const afterwards = ({ heard }: ScriptedNode) =>
    heard.flatMap(({ input, nowMs }) =>
      input.kind === "start" || input.kind === "broadcast" ? [] : [[input.kind, nowMs]],
    );

  test("that notices: its clock stood still, and packets come before timers", () => {
    expect(afterwards(stalled(true))).toEqual([
      ["stalled", 0],
      ["packet", 0],
      ["timer", 10],
      ["timer", 5000],
    ]);
  });

  test("that does not notice: its clock went on, and timers come before packets", () => {
    expect(afterwards(stalled(false))).toEqual([
      ["timer", 3000],
      ["packet", 3000],
      ["timer", 5000],
    ]);
  });

  test("loses the packets that its socket has no room for", () => {
    const simulation = simulate(2, { socketBufferBytes: 6000 });
    simulation.stall(0, 1000);
    for (let count = 0; count < 100; count++) send(simulation, 1, 0, count);
    simulation.run(2000);
    expect(heardBy(simulation, 0).packets.length).toBe(11);
  });

  test("that crashes hears nothing of it in its next life", () => {
    const simulation = simulate(2);
    simulation.stall(0, 1000);
    send(simulation, 1, 0, 1);
    simulation.run(100);
    simulation.crash(0);
    simulation.boot(0);
    simulation.run(5000);
    expect(heardBy(simulation, 0).kinds).toEqual(["start"]);
  });
});

test("jumpClock() moves the clock of a process, and what its next life takes for the time", () => {
  const simulation = simulate(1);
  const before = heardBy(simulation, 0).life.unixSeconds;
  simulation.jumpClock(0, { processMs: 5000, wallMs: -3_600_000 });
  simulation.run(10_000);
  send(simulation, 0, 0, 1);
  simulation.run(100);
  expect(heardBy(simulation, 0).heard.at(-1)?.nowMs).toBeGreaterThan(15_000);
  simulation.crash(0);
  expect(simulation.boot(0).life.unixSeconds).toBe(before + 10 - 3600);
});

describe("the trace", () => {
  /** Nodes that pass on what they hear to a machine of their choice, and time out. */
  function gossip(seed: number): string {
    const simulation = new Simulation<ScriptedNode>({
      seed,
      conditions: { lossRate: 0.05, duplicateRate: 0.05, reorderRate: 0.1 },
      start: (life) =>
        new ScriptedNode(life, (input): Effect[] => {
          const to = endpointOf(life.random.below(20));
          const bytes = new Uint8Array(8);
          life.random.fill(bytes);
          if (input.kind === "packet") return [{ kind: "send", to, bytes }];
          return [{ kind: "set-timer", timer: timer(1), afterMs: 20 + life.random.below(50) }];
        }),
    });
    for (let index = 0; index < 20; index++) simulation.boot(simulation.add());
    for (let index = 0; index < 20; index++) send(simulation, 0, index, index);
    simulation.at(500, () => simulation.stall(3, 400));
    simulation.at(700, () => simulation.crash(5));
    simulation.run(2000);
    expect(simulation.steps).toBeGreaterThan(1000);
    return simulation.traceHash;
  }

  test("of one seed is always the same", () => {
    expect(gossip(7)).toBe(gossip(7));
  });

  test("of different seeds differs", () => {
    expect(new Set([1, 2, 3, 4].map(gossip)).size).toBe(4);
  });

  test("differs if one byte of one packet does", () => {
    const hashOf = (byte: number) => {
      const simulation = simulate(2);
      send(simulation, 0, 1, 1, 2, byte);
      simulation.run(100);
      return simulation.traceHash;
    };
    expect(hashOf(3)).toBe(hashOf(3));
    expect(hashOf(3)).not.toBe(hashOf(4));
  });
});

test("runUntil() tells how long it took, or that it did not come", () => {
  const simulation = simulate(2, { conditions: { delayMsMin: 250, delayMsTail: 0 } });
  send(simulation, 0, 1, 1);
  expect(simulation.runUntil(() => heardBy(simulation, 1).packets.length > 0, 1000)).toBe(300);
  expect(simulation.runUntil(() => heardBy(simulation, 1).packets.length > 1, 1000)).toBeUndefined();
  expect(simulation.nowMs).toBe(1300);
});
