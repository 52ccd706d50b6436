import { expect, test } from "bun:test";
import { pipelined } from "../../src/rpc/pipelined.ts";
import { nextTurn } from "../support/ledger-clock.ts";

/** Yields 100 inputs and counts how many were asked for. */
function inputs(read: number[]): AsyncGenerator<number> {
  return (async function* () {
    for (let i = 0; i < 100; i += 1) {
      read.push(i);
      yield i;
    }
  })();
}

test.each([
  ["inputs", { inFlightMax: 5, weightMax: 1000, weigh: () => 1 }, 5],
  ["weight", { inFlightMax: 1000, weightMax: 12, weigh: () => 4 }, 3],
])(
  "pipelined() reads no more than its bound of %s while nobody takes the answers",
  async (_, bounds, ahead) => {
    const read: number[] = [];
    const answers = pipelined(inputs(read), bounds, async (input) => input);
    const first = answers.next();
    await nextTurn();
    expect(await first).toEqual({ done: false, value: 0 });
    await nextTurn();
    expect(read).toHaveLength(ahead + 1);
    const rest: number[] = [];
    for await (const answer of answers) rest.push(answer);
    expect(rest).toEqual(Array.from({ length: 99 }, (_each, i) => i + 1));
  },
);
