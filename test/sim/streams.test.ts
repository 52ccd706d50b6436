import { describe, expect, test } from "bun:test";
import type { Effect } from "../../src/swim/effect.ts";
import type { Input } from "../../src/swim/input.ts";
import { endpointOf } from "./harness/addresses.ts";
import { ScriptedNode, toDo } from "./harness/scripted-node.ts";
import { Simulation, type SimulationOptions } from "./harness/simulation.ts";

const timeoutMs = 10_000;
const request = Uint8Array.from({ length: 1000 }, (_, index) => index % 251);
const reply = Uint8Array.from({ length: 3000 }, (_, index) => (index * 7) % 256);

/** Two machines; the second answers a whole request and closes. */
function simulate(options: Partial<SimulationOptions<ScriptedNode>> = {}): Simulation<ScriptedNode> {
  const simulation = new Simulation<ScriptedNode>({
    ...{ seed: 1, streamChunkBytesMax: 300, acceptTimeoutMs: timeoutMs },
    start: (life) => {
      let received = 0;
      return new ScriptedNode(life, (input): Effect[] => {
        if (life.machine === 0 || input.kind !== "stream-data") return [];
        received += input.bytes.length;
        const { stream } = input;
        if (received % request.length !== 0) return [];
        return [
          { kind: "write-stream", stream, bytes: reply },
          { kind: "close-stream", stream },
        ];
      });
    },
    ...options,
  });
  for (let index = 0; index < 2; index++) simulation.boot(simulation.add());
  return simulation;
}

function open(simulation: Simulation<ScriptedNode>, to = endpointOf(1)): void {
  simulation.input(0, toDo({ kind: "open-stream", stream: 1, to, bytes: request, timeoutMs }));
}

/** What a machine heard of streams: their bytes joined, and how they ended. */
function story(simulation: Simulation<ScriptedNode>, machine: number) {
  const inputs: Input[] = (simulation.node(machine)?.heard ?? []).map(({ input }) => input);
  const pieces = inputs.flatMap((input) => (input.kind === "stream-data" ? [input.bytes] : []));
  return {
    opened: inputs.filter(({ kind }) => kind === "stream-opened").length,
    bytes: Uint8Array.from(pieces.flatMap((piece) => [...piece])),
    pieces: pieces.length,
    ends: inputs.flatMap((input) => (input.kind === "stream-ended" ? [input.error] : [])),
  };
}

describe("a stream", () => {
  test.each([0, 0.3])("brings everything, in order, in pieces, at a loss of %d", (lossRate) => {
    const simulation = simulate({ conditions: { lossRate, delayMsTail: 20 } });
    open(simulation);
    simulation.run(60_000);
    const asked = story(simulation, 1);
    expect(asked.opened).toBe(1);
    expect(asked.bytes).toEqual(request);
    expect(asked.ends).toEqual([]);
    const answered = story(simulation, 0);
    expect(answered.bytes).toEqual(reply);
    expect(answered.pieces).toBeGreaterThan(5);
    expect(answered.ends).toEqual([undefined]);
  });

  test("that is closed at once still brings what was written", () => {
    const simulation = simulate();
    const bytes = Uint8Array.of(1, 2, 3);
    simulation.input(
      0,
      toDo(
        { kind: "open-stream", stream: 1, to: endpointOf(1), bytes, timeoutMs },
        { kind: "close-stream", stream: 1 },
      ),
    );
    simulation.run(20_000);
    expect(story(simulation, 1).bytes).toEqual(bytes);
    expect(story(simulation, 1).ends).toEqual([undefined]);
    expect(story(simulation, 0).ends).toEqual([]);
  });

  test("to a machine without a process is refused at once", () => {
    const simulation = simulate();
    simulation.crash(1);
    open(simulation);
    simulation.run(100);
    expect(story(simulation, 0).ends).toEqual(["connection refused"]);
  });

  test.each([
    ["a machine that is off", (simulation: Simulation<ScriptedNode>) => simulation.crash(1, { host: true })],
    ["no machine", () => {}],
  ])("to %s ends when its time is over", (what, prepare) => {
    const simulation = simulate();
    prepare(simulation);
    open(simulation, what === "no machine" ? endpointOf(99) : endpointOf(1));
    simulation.run(timeoutMs - 1);
    expect(story(simulation, 0).ends).toEqual([]);
    simulation.run(2);
    expect(story(simulation, 0).ends).toEqual(["timed out"]);
    simulation.run(60_000);
    expect(story(simulation, 0).ends).toEqual(["timed out"]);
  });

  test("is connected when a short cut is healed", () => {
    const simulation = simulate();
    const heal = simulation.network.partition((machine) => machine === 0);
    open(simulation);
    simulation.at(5000, heal);
    simulation.run(5000);
    expect(story(simulation, 1).opened).toBe(0);
    simulation.run(4000);
    expect(story(simulation, 0).bytes).toEqual(reply);
  });

  test("that is cut off in the middle goes on when the cut is healed", () => {
    const simulation = simulate({ conditions: { delayMsMin: 50, delayMsTail: 0 } });
    open(simulation);
    // Connected, and the request on its way; its answer is held.
    simulation.run(75);
    const heal = simulation.network.cutOneWay(
      (machine) => machine === 1,
      () => true,
    );
    simulation.run(3000);
    expect(story(simulation, 1).bytes).toEqual(request);
    expect(story(simulation, 0).bytes.length).toBe(0);
    heal();
    simulation.run(5000);
    expect(story(simulation, 0).bytes).toEqual(reply);
    expect(story(simulation, 0).ends).toEqual([undefined]);
  });

  test.each([
    [false, ["connection reset"], 1000],
    [true, ["timed out"], timeoutMs],
  ])("whose other process ends, its machine too: %p, breaks", (host, ends, afterMs) => {
    const simulation = simulate({ conditions: { delayMsMin: 50, delayMsTail: 0 } });
    open(simulation);
    simulation.run(60);
    simulation.crash(1, { host });
    simulation.run(afterMs);
    expect(story(simulation, 0).ends).toEqual(ends);
    simulation.run(60_000);
    expect(story(simulation, 0).ends).toEqual(ends);
  });

  test("to a stalled process is accepted, and read afterwards", () => {
    const simulation = simulate();
    simulation.stall(1, 3000);
    open(simulation);
    simulation.run(2999);
    expect(story(simulation, 1).opened).toBe(0);
    expect(story(simulation, 0).ends).toEqual([]);
    simulation.run(100);
    expect(story(simulation, 1).bytes).toEqual(request);
    expect(story(simulation, 0).bytes).toEqual(reply);
  });

  test("of a process that ended says nothing to the next one there", () => {
    const simulation = simulate({ conditions: { delayMsMin: 50, delayMsTail: 0 } });
    open(simulation);
    simulation.run(60);
    simulation.crash(0);
    simulation.boot(0);
    simulation.run(60_000);
    expect(simulation.node(0)?.kinds).toEqual(["start"]);
  });

  test("that its other side never ends, ends when its time is over, at both ends", () => {
    const simulation = simulate({ start: (life) => new ScriptedNode(life) });
    open(simulation);
    simulation.run(60_000);
    expect([story(simulation, 0).ends.length, story(simulation, 1).ends.length]).toEqual([1, 1]);
  });
});
