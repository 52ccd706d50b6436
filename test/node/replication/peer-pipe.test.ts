import { expect, test } from "bun:test";
import { limits } from "../../../src/core/limits.ts";
import { PeerPipe, type PipedContext } from "../../../src/node/replication/peer-pipe.ts";
import { Lead } from "../../../src/sync/lead.ts";
import type { ReplicateItem, ReplicateResult } from "../../../src/sync/peer-messages.ts";
import { FakeParts, unreachable } from "./fake-parts.ts";

type Outcome = Parameters<PipedContext["progressed"]>[0];

class Context implements PipedContext {
  lead: Lead | undefined;
  readonly outcomes: Outcome[] = [];

  constructor(
    readonly contextId: string,
    latest = 0,
  ) {
    this.lead = new Lead({
      ...{ contextId, selfId: "a", epoch: { counter: 2, nodeId: "a" }, holders: ["a", "b"], required: 2 },
      ...{ start: { latest, root: new Uint8Array() }, committed: 0, bufferBytesMax: 1_000_000 },
    });
  }

  grow(): void {
    const latest = (this.lead?.latest ?? 0) + 1;
    const row = { contentHash: new Uint8Array(32), wire: new Uint8Array(100) };
    this.lead?.advanced({ latest, root: Uint8Array.of(latest) }, [row]);
  }

  async suspect(): Promise<void> {}

  progressed(outcome: Outcome): void {
    this.outcomes.push(outcome);
  }
}

function stored({ items }: { items: readonly ReplicateItem[] }): { results: ReplicateResult[] } {
  return { results: items.map(({ after, rows }) => ({ kind: "stored", latest: after + rows.length })) };
}

/** Lets a pipe to `b` have one entry of one context to send for a while. */
async function sendOne(fake: FakeParts, forMs: number): Promise<{ pipe: PeerPipe; context: Context }> {
  const pipe = new PeerPipe("b", fake.parts);
  const context = new Context("c");
  context.grow();
  pipe.wake(context, false);
  await fake.time.run(forMs);
  return { pipe, context };
}

test("PeerPipe puts what many contexts have to send into one message", async () => {
  const fake = new FakeParts();
  fake.answer = ({ request }) => stored(request);
  const pipe = new PeerPipe("b", fake.parts);
  const contexts = [new Context("c1"), new Context("c2")];
  for (const context of contexts) {
    context.grow();
    pipe.wake(context, false);
  }
  await fake.time.run(1);
  expect(fake.asked.map(({ kind }) => kind)).toEqual(["replicate"]);
  expect(contexts.map(({ lead }) => lead?.committed)).toEqual([1, 1]);
});

test("PeerPipe has a few messages under way, and no more", async () => {
  const fake = new FakeParts();
  const pipe = new PeerPipe("b", fake.parts);
  const context = new Context("c");
  for (let message = 0; message < limits.replicateInFlightMax + 5; message++) {
    context.grow();
    pipe.wake(context, false);
    await fake.time.run(1);
  }
  expect(fake.asked.length).toBe(limits.replicateInFlightMax);
});

test("PeerPipe waits longer each time a follower does not answer, up to a bound", async () => {
  const fake = new FakeParts();
  fake.answer = unreachable;
  await sendOne(fake, 20_000);
  const waits = fake.asked.slice(1).map(({ atMs }, index) => atMs - (fake.asked[index]?.atMs ?? 0));
  // Half of the wait is by chance, which is the middle here.
  expect(waits.slice(0, 7).map(Math.round)).toEqual([38, 75, 150, 300, 600, 1200, 1500]);
  expect(Math.round(Math.max(...waits))).toBe(1500);
});

test("PeerPipe asks nothing of the dead, and tries at once when they are back", async () => {
  const fake = new FakeParts();
  fake.answer = ({ request }) => stored(request);
  fake.dead.add("b");
  const { pipe, context } = await sendOne(fake, 5000);
  expect(fake.asked).toEqual([]);
  fake.dead.delete("b");
  pipe.revive();
  await fake.time.run(1);
  expect(context.lead?.committed).toBe(1);
});

test("PeerPipe lets few histories be adopted at a time, and the others after them", async () => {
  const fake = new FakeParts();
  const answers: (() => void)[] = [];
  fake.answer = ({ kind, request }) => {
    if (kind === "replicate") return stored(request);
    return new Promise((resolve) => {
      const { target } = request as { target: { latest: number } };
      answers.push(() => resolve({ kind: "stored", latest: target.latest }));
    });
  };
  const pipe = new PeerPipe("b", fake.parts);
  const contexts = Array.from({ length: limits.adoptionsMax + 3 }, (_, index) => new Context(`c${index}`, 7));
  for (const context of contexts) pipe.wake(context, true);
  await fake.time.run(1);
  expect(answers.length).toBe(limits.adoptionsMax);
  while (answers.length > 0) {
    answers.shift()?.();
    await fake.time.run(1);
  }
  expect(contexts.every(({ lead }) => lead?.committed === 7)).toBe(true);
});

test("PeerPipe tells the home who has been promised more", async () => {
  const fake = new FakeParts();
  const promised = { counter: 9, nodeId: "b" };
  fake.answer = () => ({ results: [{ kind: "refused", promised }] });
  const { context } = await sendOne(fake, 1);
  expect(context.outcomes).toContainEqual({ deposedBy: promised });
});

test("PeerPipe keeps nothing once it is stopped", async () => {
  const fake = new FakeParts();
  fake.answer = unreachable;
  const { pipe } = await sendOne(fake, 10);
  pipe.stop();
  const before = fake.asked.length;
  await fake.time.run(60_000);
  expect(fake.asked.length).toBe(before);
});
