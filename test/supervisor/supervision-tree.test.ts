import { describe, expect, test } from "bun:test";
import type { ChildSpec, Group, SupervisionEvent } from "../../src/supervisor/spec.ts";
import { SupervisionTree } from "../../src/supervisor/supervision-tree.ts";
import { FakeClock, settled } from "./fake-clock.ts";
import { ScriptedWorker } from "./scripted-worker.ts";

const boom = new Error("boom");

function setUp(strategy: Group["strategy"], children: readonly ChildSpec[]) {
  const clock = new FakeClock();
  const events: SupervisionEvent[] = [];
  const tree = new SupervisionTree(
    { name: "root", strategy, children },
    { clock, onEvent: (event) => events.push(event) },
  );
  const statuses = () => tree.state().children.map(({ name, status }) => `${name} ${status}`);
  return { clock, events, tree, statuses };
}

function abc(policy = {}) {
  const story: string[] = [];
  const [a, b, c] = ["a", "b", "c"].map((name) => new ScriptedWorker(name, story, policy)) as [
    ScriptedWorker,
    ScriptedWorker,
    ScriptedWorker,
  ];
  return { story, a, b, c, specs: [a.spec, b.spec, c.spec] };
}

describe("start()", () => {
  test("starts the children in order, each after the one before runs", async () => {
    const { story, specs } = abc();
    const { tree, statuses } = setUp("one-for-one", specs);
    await tree.start();
    expect(story).toEqual(["start a", "start b", "start c"]);
    expect(statuses()).toEqual(["a running", "b running", "c running"]);
    expect(tree.state().status).toBe("running");
  });

  for (const strategy of ["one-for-one", "rest-for-one"] as const) {
    test(`rejects and stops what runs if a child cannot start, ${strategy}`, async () => {
      const { story, b, specs } = abc();
      b.starts = [boom];
      const { tree, clock } = setUp(strategy, specs);
      await expect(tree.start()).rejects.toBe(boom);
      expect(story).toEqual(["start a", "start b", "stop a"]);
      expect(tree.state()).toMatchObject({ status: "failed", lastError: "boom" });
      expect(clock.pending).toBe(0);
    });
  }

  test("rejects if a child throws before its first await", async () => {
    const worker = new ScriptedWorker("a", [], {
      start: () => {
        throw boom;
      },
    });
    await expect(setUp("one-for-one", [worker.spec]).tree.start()).rejects.toBe(boom);
  });

  test("gives up a child that takes longer than startTimeoutMs and aborts its signal", async () => {
    const a = new ScriptedWorker("a");
    a.starts = ["never"];
    const { tree, clock, events } = setUp("one-for-one", [a.spec]);
    const start = tree.start();
    start.catch(() => {});
    await clock.advance(999);
    expect(a.signals[0]?.aborted).toBe(false);
    await clock.advance(1);
    expect(a.signals[0]?.aborted).toBe(true);
    await clock.advance(500);
    await expect(start).rejects.toThrow("a did not start within 1000 ms");
    expect(events).toMatchObject([{ kind: "stop-failed", path: "root/a" }]);
  });

  test("stops a child that comes after its start was given up", async () => {
    const late = Promise.withResolvers<void>();
    const inner = new ScriptedWorker("a");
    const { tree, clock } = setUp("one-for-one", [
      {
        ...inner.spec,
        start: async (context) => {
          await late.promise;
          return inner.spec.start(context);
        },
      },
    ]);
    const start = tree.start();
    start.catch(() => {});
    await clock.advance(1500);
    await expect(start).rejects.toThrow();
    late.resolve();
    await settled();
    expect(inner.aliveMax).toBe(1);
    expect(inner.alive).toBe(0);
  });
});

describe("stop()", () => {
  test("stops the children in reverse order, once", async () => {
    const { story, specs } = abc();
    const { tree, statuses } = setUp("one-for-one", specs);
    await tree.start();
    story.length = 0;
    await Promise.all([tree.stop(), tree.stop()]);
    await tree.stop();
    expect(story).toEqual(["stop c", "stop b", "stop a"]);
    expect(statuses()).toEqual(["a stopped", "b stopped", "c stopped"]);
    expect(tree.state().status).toBe("stopped");
  });

  test("goes on after stopTimeoutMs, and after a stop that throws, and reports both", async () => {
    const { a, b, c, specs } = abc();
    const { tree, clock, events } = setUp("one-for-one", specs);
    await tree.start();
    c.stops = "never";
    b.stops = boom;
    events.length = 0;
    const stop = tree.stop();
    await clock.advance(500);
    await stop;
    expect(a.alive).toBe(0);
    expect(events.filter(({ kind }) => kind === "stop-failed")).toEqual([
      { kind: "stop-failed", path: "root/c", error: new Error("c did not stop within 500 ms") },
      { kind: "stop-failed", path: "root/b", error: boom },
    ]);
  });

  test("before the start leaves nothing to start", async () => {
    const { story, specs } = abc();
    const { tree } = setUp("one-for-one", specs);
    await tree.stop();
    await expect(tree.start()).rejects.toThrow("stopped while starting");
    expect(story).toEqual([]);
  });

  for (const strategy of ["one-for-one", "rest-for-one"] as const) {
    test(`during the start ends the start, ${strategy}`, async () => {
      const { story, b, specs } = abc();
      b.starts = ["never"];
      const { tree, clock } = setUp(strategy, specs);
      const start = tree.start();
      start.catch(() => {});
      await settled();
      const stop = tree.stop();
      await clock.advance(500);
      await stop;
      await expect(start).rejects.toThrow();
      expect(story).toEqual(["start a", "start b", "stop a"]);
      expect(clock.pending).toBe(0);
    });
  }

  test("during the wait before a restart starts nothing any more", async () => {
    const { story, b, specs } = abc();
    const { tree, clock, statuses } = setUp("one-for-one", specs);
    await tree.start();
    b.crash(boom);
    await settled();
    expect(statuses()).toEqual(["a running", "b backing-off", "c running"]);
    story.length = 0;
    await tree.stop();
    await clock.advance(10_000);
    expect(story).toEqual(["stop c", "stop a"]);
    expect(clock.pending).toBe(0);
  });
});

describe("a crash", () => {
  test("restarts the child after the wait while its siblings go on, one-for-one", async () => {
    const { story, b, specs } = abc();
    const { tree, clock, statuses, events } = setUp("one-for-one", specs);
    await tree.start();
    story.length = 0;
    events.length = 0;
    b.crash(boom);
    await clock.advance(99);
    expect(story).toEqual(["stop b"]);
    await clock.advance(1);
    expect(story).toEqual(["stop b", "start b"]);
    expect(statuses()).toEqual(["a running", "b running", "c running"]);
    expect(tree.state().children[1]).toMatchObject({ restarts: 1, lastError: "boom", sinceMs: 0 });
    expect(events).toEqual([
      { kind: "crashed", path: "root/b", error: boom },
      { kind: "backing-off", path: "root/b", delayMs: 100 },
      { kind: "restarted", path: "root/b", tookMs: 0 },
    ]);
  });

  test("restarts the later children too, rest-for-one", async () => {
    const { story, a, b, specs } = abc();
    const { tree, clock, statuses } = setUp("rest-for-one", specs);
    await tree.start();
    story.length = 0;
    b.crash(boom);
    await clock.advance(100);
    expect(story).toEqual(["stop c", "stop b", "start b", "start c"]);
    expect(statuses()).toEqual(["a running", "b running", "c running"]);
    expect(a.signals).toHaveLength(1);
  });

  test("of an earlier child cuts a restart short, rest-for-one", async () => {
    const { story, a, c, specs } = abc();
    const { tree, clock, statuses } = setUp("rest-for-one", specs);
    await tree.start();
    story.length = 0;
    c.starts = ["never"];
    c.crash(boom);
    await clock.advance(100);
    expect(statuses()).toEqual(["a running", "b running", "c starting"]);
    a.crash(boom);
    // The start of c that never ends is given the time of a stop.
    await clock.advance(500 + 100);
    expect(story).toEqual(["stop c", "start c", "stop b", "stop a", "start a", "start b", "start c"]);
    expect(statuses()).toEqual(["a running", "b running", "c running"]);
  });

  test("doubles the wait up to maxMs, and forgets crashes older than withinMs", async () => {
    const a = new ScriptedWorker("a");
    const { tree, clock, events } = setUp("one-for-one", [a.spec]);
    await tree.start();
    for (let i = 0; i < 3; i += 1) {
      a.crash(boom);
      await clock.advance(250);
    }
    await clock.advance(10_000);
    a.crash(boom);
    await clock.advance(250);
    const delays = events.flatMap((event) => (event.kind === "backing-off" ? [event.delayMs] : []));
    expect(delays).toEqual([100, 200, 250, 100]);
    expect(tree.state().children[0]).toMatchObject({ status: "running", restarts: 4 });
  });

  test("in a restart counts like any other", async () => {
    const a = new ScriptedWorker("a");
    const { tree, clock, events } = setUp("one-for-one", [a.spec]);
    await tree.start();
    a.starts = [new Error("port taken"), "never", "ok"];
    a.crash(boom);
    await clock.advance(100 + 200 + 1000 + 500 + 250);
    expect(events.flatMap((event) => (event.kind === "crashed" ? [event.error.message] : []))).toEqual([
      "boom",
      "port taken",
      "a did not start within 1000 ms",
    ]);
    expect(tree.state().children[0]).toMatchObject({ status: "running", restarts: 3 });
  });

  test("that comes before the start was noticed is not lost", async () => {
    const a = new ScriptedWorker("a");
    const { tree, clock } = setUp("one-for-one", [
      {
        ...a.spec,
        start: async (context) => ({
          ...(await a.spec.start(context)),
          ...(a.alive === 1 && a.signals.length === 2 ? { crashed: Promise.resolve(boom) } : {}),
        }),
      },
    ]);
    await tree.start();
    a.crash(boom);
    await clock.advance(100);
    expect(a.signals).toHaveLength(2);
    await clock.advance(200);
    expect(a.signals).toHaveLength(3);
    expect(tree.state().children[0]).toMatchObject({ status: "running", restarts: 2 });
  });

  const ends: [string, (worker: ScriptedWorker) => void, string][] = [
    ["a rejection of crashed", (worker) => worker.reject("torn"), "torn"],
    ["the end of a permanent worker", (worker) => worker.finish(), "a ended by itself"],
  ];
  for (const [name, end, message] of ends) {
    test(`is also ${name}`, async () => {
      const a = new ScriptedWorker("a");
      const { tree, clock } = setUp("one-for-one", [a.spec]);
      await tree.start();
      end(a);
      await clock.advance(100);
      expect(tree.state().children[0]).toMatchObject({ status: "running", restarts: 1, lastError: message });
    });
  }

  test("counts once, however the child says it", async () => {
    const a = new ScriptedWorker("a", [], { maxRestarts: 1 });
    const { tree, clock, events } = setUp("one-for-one", [a.spec]);
    await tree.start();
    a.finish();
    a.crash(boom);
    tree.fail("root/a", boom);
    await clock.advance(100);
    expect(events.filter(({ kind }) => kind === "crashed")).toHaveLength(1);
    expect(tree.state().children[0]).toMatchObject({ status: "running", restarts: 1 });
  });

  test("of a former life is nothing to the next", async () => {
    const a = new ScriptedWorker("a");
    const { tree, clock } = setUp("one-for-one", [a.spec]);
    await tree.start();
    const { crash, finish } = a;
    expect(tree.fail("root/a", boom)).toBe(true);
    await clock.advance(100);
    crash(boom);
    finish();
    await clock.advance(1000);
    expect(tree.state().children[0]).toMatchObject({ status: "running", restarts: 1 });
  });

  test("is not the end of a transient worker", async () => {
    const a = new ScriptedWorker("a", [], { restart: "transient" });
    const { tree, clock, statuses, events } = setUp("one-for-one", [a.spec]);
    await tree.start();
    a.finish();
    await clock.advance(10_000);
    expect(statuses()).toEqual(["a stopped"]);
    expect(events.at(-1)).toEqual({ kind: "finished", path: "root/a" });
    await tree.stop();
    expect(a.alive).toBe(0);
  });

  test("after the stop began is nothing", async () => {
    const { a, b, specs } = abc();
    const { tree, clock, events } = setUp("one-for-one", specs);
    await tree.start();
    const stop = tree.stop();
    a.crash(boom);
    b.reject(boom);
    await stop;
    await clock.advance(1000);
    expect(events.map(({ kind }) => kind)).toEqual([
      ...Array(3).fill("started"),
      ...Array(3).fill("stopped"),
    ]);
  });

  test("never leaves two lives of one child side by side", async () => {
    const a = new ScriptedWorker("a", [], { maxRestarts: 100 });
    const { tree, clock } = setUp("one-for-one", [a.spec]);
    await tree.start();
    for (let i = 0; i < 20; i += 1) {
      a.crash(boom);
      tree.fail("root/a", boom);
      await clock.advance(i * 20);
    }
    await clock.advance(1000);
    expect(a.aliveMax).toBe(1);
    expect(a.alive).toBe(1);
  });
});

describe("too many crashes", () => {
  test("stop all children and crash the tree", async () => {
    const { story, a, b, c, specs } = abc();
    const { tree, clock, events, statuses } = setUp("one-for-one", specs);
    await tree.start();
    for (let i = 0; i < 3; i += 1) {
      b.crash(boom);
      await clock.advance(250);
    }
    story.length = 0;
    b.crash(boom);
    const error = await tree.crashed;
    expect(error.message).toBe("root gave up on b after 3 restarts within 10000 ms: boom");
    expect(error.cause).toBe(boom);
    expect(story).toEqual(["stop c", "stop b", "stop a"]);
    expect([a.alive, b.alive, c.alive]).toEqual([0, 0, 0]);
    expect(statuses()).toEqual(["a stopped", "b stopped", "c stopped"]);
    expect(tree.state()).toMatchObject({ status: "failed", lastError: error.message });
    expect(events.filter(({ kind }) => kind === "gave-up")).toEqual([
      { kind: "gave-up", path: "root/b", error: boom, restarts: 3 },
    ]);
    await tree.stop();
    await clock.advance(10_000);
    expect(clock.pending).toBe(0);
    expect(story).toHaveLength(3);
  });

  for (const strategy of ["one-for-one", "rest-for-one"] as const) {
    for (let turns = 0; turns < 16; turns += 1) {
      test(`${turns} turns after the last child came up are not lost, ${strategy}`, async () => {
        const { a, b, specs } = abc({ maxRestarts: 0 });
        const start = b.spec.start;
        const last: ChildSpec = {
          ...b.spec,
          start: async (context) => {
            const child = await start(context);
            let turned = Promise.resolve();
            for (let turn = 0; turn < turns; turn += 1) turned = turned.then(() => {});
            void turned.then(() => a.crash(boom));
            return child;
          },
        };
        const { tree } = setUp(strategy, [...specs.slice(0, 1), last]);
        const error = await tree.start().then(
          () => tree.crashed,
          (reason: Error) => reason,
        );
        expect(error.message).toContain("boom");
        expect([a.alive, b.alive]).toEqual([0, 0]);
        expect(tree.state().status).toBe("failed");
      });
    }
  }

  test("while the tree starts make the start fail", async () => {
    const { a, b, specs } = abc({ maxRestarts: 0 });
    b.starts = ["never"];
    const { tree, clock } = setUp("one-for-one", specs);
    const start = tree.start();
    start.catch(() => {});
    await settled();
    a.crash(boom);
    await clock.advance(500);
    await expect(start).rejects.toThrow("root gave up on a");
    expect([a.alive, b.alive]).toEqual([0, 0]);
  });

  test("of a nested supervisor restart it as a whole", async () => {
    const { story, a, b, c, specs } = abc({ maxRestarts: 0 });
    const [aSpec, bSpec, cSpec] = specs as [ChildSpec, ChildSpec, ChildSpec];
    const { tree, clock } = setUp("one-for-one", [
      aSpec,
      {
        name: "inner",
        strategy: "one-for-one",
        children: [bSpec, cSpec],
        maxRestarts: 1,
        withinMs: 10_000,
        backoff: { minMs: 10, maxMs: 10 },
      },
    ]);
    await tree.start();
    story.length = 0;
    b.crash(boom);
    await clock.advance(9);
    expect(story).toEqual(["stop c", "stop b"]);
    await clock.advance(1);
    expect(story).toEqual(["stop c", "stop b", "start b", "start c"]);
    expect(tree.state()).toMatchObject({
      status: "running",
      children: [
        { name: "a", restarts: 0 },
        {
          name: "inner",
          restarts: 1,
          status: "running",
          children: [{ name: "b", status: "running" }, { name: "c" }],
        },
      ],
    });
    c.crash(boom);
    expect((await tree.crashed).message).toBe(
      "root gave up on inner after 1 restarts within 10000 ms: inner gave up on c after 0 restarts within 10000 ms: boom",
    );
    expect([a.alive, b.alive, c.alive]).toEqual([0, 0, 0]);
  });
});

describe("fail()", () => {
  test("tears a nested child down and starts it again", async () => {
    const { story, specs } = abc();
    const [aSpec, bSpec] = specs as [ChildSpec, ChildSpec];
    const policy = { maxRestarts: 1, withinMs: 1000, backoff: { minMs: 10, maxMs: 10 } };
    const { tree, clock } = setUp("one-for-one", [
      { name: "inner", strategy: "rest-for-one", children: [aSpec, bSpec], ...policy },
    ]);
    await tree.start();
    story.length = 0;
    expect(tree.fail("root/inner/a", boom)).toBe(true);
    await clock.advance(100);
    expect(story).toEqual(["stop b", "stop a", "start a", "start b"]);
    expect(tree.fail("root/inner", boom)).toBe(true);
    await clock.advance(10);
    expect(story.slice(4)).toEqual(["stop b", "stop a", "start a", "start b"]);
    expect(tree.state().children[0]).toMatchObject({ name: "inner", status: "running", restarts: 1 });
  });

  for (const path of ["", "root", "a", "root/x", "root/a/x", "other/a", "root/a/"]) {
    test(`returns false for ${JSON.stringify(path)}`, async () => {
      const { story, specs } = abc();
      const { tree, clock } = setUp("one-for-one", specs);
      await tree.start();
      expect(tree.fail(path, boom)).toBe(false);
      await clock.advance(1000);
      expect(story).toHaveLength(3);
    });
  }

  test("returns false for a child that does not run", async () => {
    const { specs } = abc();
    const { tree } = setUp("one-for-one", specs);
    await tree.start();
    expect(tree.fail("root/a", boom)).toBe(true);
    expect(tree.fail("root/a", boom)).toBe(false);
    await tree.stop();
    expect(tree.fail("root/b", boom)).toBe(false);
  });
});

test("state() says what a running child says of itself", async () => {
  const { specs } = abc();
  const { tree, clock } = setUp("one-for-one", specs.slice(0, 1));
  await tree.start();
  await clock.advance(7);
  expect(tree.state()).toEqual({
    name: "root",
    status: "running",
    restarts: 0,
    sinceMs: 7,
    children: [{ name: "a", status: "running", restarts: 0, sinceMs: 7, detail: "a is fine", children: [] }],
  });
});

test("onEvent that throws changes nothing", async () => {
  const { a, specs } = abc();
  const clock = new FakeClock();
  const onEvent = () => {
    throw boom;
  };
  const tree = new SupervisionTree(
    { name: "root", strategy: "one-for-one", children: specs },
    { clock, onEvent },
  );
  await tree.start();
  a.crash(boom);
  await clock.advance(100);
  expect(tree.state().children.map(({ status }) => status)).toEqual(["running", "running", "running"]);
});
