import { expect, test } from "bun:test";
import { Awareness } from "../../src/swim/awareness.ts";

test("Awareness keeps its score between 0 and below its maximum, and stretches times by it", () => {
  const awareness = new Awareness({ awarenessMax: 8 });
  // memberlist's TestAwareness: change, score, a second stretched.
  const steps = [
    [0, 0, 1000],
    [-1, 0, 1000],
    [-10, 0, 1000],
    [1, 1, 2000],
    [-1, 0, 1000],
    [10, 7, 8000],
    [-1, 6, 7000],
    [-1, 5, 6000],
    [-1, 4, 5000],
    [-1, 3, 4000],
    [-1, 2, 3000],
    [-1, 1, 2000],
    [-1, 0, 1000],
    [-1, 0, 1000],
  ] as const;
  const seen = steps.map(([by]) => {
    awareness.change(by);
    return [by, awareness.score, awareness.stretch(1000)];
  });
  expect(seen).toEqual(steps.map((step) => [...step]));
});

test("Awareness of a maximum of 1 is off", () => {
  const awareness = new Awareness({ awarenessMax: 1 });
  awareness.change(5);
  expect([awareness.score, awareness.stretch(700)]).toEqual([0, 700]);
});
