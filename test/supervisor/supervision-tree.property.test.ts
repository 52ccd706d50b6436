import { expect, test } from "bun:test";
import fc from "fast-check";
import type { WorkerSpec } from "../../src/supervisor/spec.ts";
import { SupervisionTree } from "../../src/supervisor/supervision-tree.ts";
import { FakeClock } from "./fake-clock.ts";
import { ScriptedWorker } from "./scripted-worker.ts";

const child = fc.integer({ min: 0, max: 3 });
const step = fc.oneof(
  fc.record({ do: fc.constantFrom("crash", "fail", "reject"), child }),
  fc.record({
    do: fc.constant("bad starts"),
    child,
    starts: fc.array(fc.constantFrom("never", "throw"), { maxLength: 2 }),
  }),
  fc.record({ do: fc.constant("advance"), ms: fc.integer({ min: 0, max: 700 }) }),
);

for (const strategy of ["one-for-one", "rest-for-one"] as const) {
  test(`SupervisionTree runs every child exactly once after any story of failures, ${strategy}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const clock = new FakeClock();
        const generous = { maxRestarts: 1000 };
        const workers = [0, 1, 2, 3].map((i) => new ScriptedWorker(`w${i}`, [], generous));
        const [w0, w1, w2, w3] = workers.map(({ spec }) => spec) as [
          WorkerSpec,
          WorkerSpec,
          WorkerSpec,
          WorkerSpec,
        ];
        const policy = { ...generous, withinMs: 1000, backoff: { minMs: 5, maxMs: 50 } };
        const inner = { name: "inner", strategy, children: [w1, w2], ...policy };
        const tree = new SupervisionTree({ name: "root", strategy, children: [w0, inner, w3] }, { clock });
        const paths = ["root/w0", "root/inner/w1", "root/inner/w2", "root/w3"];
        await tree.start();
        for (const action of steps) {
          const worker = "child" in action ? workers[action.child] : undefined;
          if (action.do === "crash") worker?.crash(new Error("boom"));
          if (action.do === "reject") worker?.reject("torn");
          if ("starts" in action)
            worker?.starts.push(...action.starts.map((what) => (what === "never" ? what : new Error(what))));
          if (action.do === "fail" && "child" in action)
            tree.fail(paths[action.child] ?? "", new Error("told"));
          if ("ms" in action) await clock.advance(action.ms);
          expect(Math.max(...workers.map(({ aliveMax }) => aliveMax))).toBe(1);
        }
        await clock.advance(1_000_000);
        expect(workers.map(({ alive }) => alive)).toEqual([1, 1, 1, 1]);
        expect(JSON.stringify(tree.state())).not.toContain("starting");
        const stop = tree.stop();
        await clock.advance(10_000);
        await stop;
        expect(workers.map(({ alive }) => alive)).toEqual([0, 0, 0, 0]);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test(`SupervisionTree.stop() ends every child at any moment of a story, ${strategy}`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 15 }),
        fc.integer({ min: 0, max: 500 }),
        async (steps, restMs) => {
          const clock = new FakeClock();
          const workers = [0, 1, 2, 3].map((i) => new ScriptedWorker(`w${i}`, [], { maxRestarts: 2 }));
          const tree = new SupervisionTree(
            { name: "root", strategy, children: workers.map(({ spec }) => spec) },
            { clock },
          );
          await tree.start();
          for (const action of steps) {
            const worker = "child" in action ? workers[action.child] : undefined;
            if (action.do === "crash" || action.do === "fail") worker?.crash(new Error("boom"));
            if ("starts" in action)
              worker?.starts.push(
                ...action.starts.map((what) => (what === "never" ? what : new Error(what))),
              );
            if ("ms" in action) await clock.advance(action.ms);
          }
          await clock.advance(restMs);
          const stop = tree.stop();
          await clock.advance(10_000);
          await stop;
          expect(workers.map(({ alive }) => alive)).toEqual([0, 0, 0, 0]);
          expect(clock.pending).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });
}
