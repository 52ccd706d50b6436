import { describe, expect, test } from "bun:test";
import {
  copyToNewcomer,
  type HolderTransfer,
  transferHolders,
} from "../../../src/node/replication/holder-transfer.ts";
import type { HolderChange } from "../../../src/sync/holder-change.ts";
import { Lead } from "../../../src/sync/lead.ts";
import { type AskedPeer, FakeParts } from "./fake-parts.ts";

const position = { latest: 5, root: new Uint8Array() };
const epoch = { counter: 4, nodeId: "a" };
const adding: HolderChange = { kind: "add", nodeId: "d", holders: ["a", "b", "c", "d"] };
const removing: HolderChange = { kind: "remove", nodeId: "c", holders: ["a", "b"] };

function transferring(
  change: HolderChange,
  acked: readonly string[] = ["b", "c"],
  holders: readonly string[] = ["a", "b", "c"],
) {
  const fake = new FakeParts();
  const steps: string[] = [];
  const lead = new Lead({
    ...{ contextId: "x", selfId: "a", epoch: { counter: 3, nodeId: "a" }, holders },
    ...{ required: 2, start: position, committed: 5, bufferBytesMax: 1000 },
  });
  for (const nodeId of acked) lead.adopted(nodeId, { kind: "stored", latest: 5 });
  const own = { nodeId: "a", holders: lead.holders, accepted: lead.epoch, committed: 5, ...position };
  const transfer: HolderTransfer = {
    ...{ contextId: "x", change, lead },
    isOver: () => false,
    position: async () => position,
    pause: async () => void steps.push("pause"),
    promise: async () => {
      steps.push("promise");
      return { epoch, own };
    },
    seen: () => void steps.push("seen"),
    store: async () => void steps.push("store"),
    start: async () => void steps.push("start"),
    madeElsewhere: () => void steps.push("made elsewhere"),
  };
  fake.answer = ({ kind, to, request }: AskedPeer) => {
    if (kind === "prepare") return { kind: "promised", ...own, nodeId: to, promised: epoch, leaving: false };
    if (kind === "adopt") steps.push(`copy under ${(request as { holders: string[] }).holders.join("")}`);
    else steps.push(`tell ${to}`);
    return { kind: "stored", latest: 5 };
  };
  const run = async (): Promise<string> => {
    const over = transferHolders(fake.parts, transfer).then(
      () => "done",
      (error: Error) => error.message,
    );
    await fake.time.run(30_000);
    return await over;
  };
  return { fake, transfer, steps, run };
}

describe("transferHolders()", () => {
  test("lets a newcomer copy what is missing, has the new epoch promised, and tells everybody", async () => {
    const { steps, run } = transferring(adding);
    expect(await run()).toBe("done");
    expect(steps).toEqual([
      "pause",
      "copy under abc",
      "promise",
      "store",
      "tell b",
      "tell c",
      "tell d",
      "start",
    ]);
  });

  test("tells one that goes last", async () => {
    const { steps, run } = transferring(removing);
    expect(await run()).toBe("done");
    expect(steps).toEqual(["pause", "promise", "store", "tell b", "tell c", "start"]);
  });

  test("tells one that goes nothing if the others may not know", async () => {
    const { fake, steps, run } = transferring(removing);
    const { answer } = fake;
    fake.answer = (asked) =>
      asked.kind === "holders" && asked.to === "b" ? { kind: "behind", latest: 1 } : answer(asked);
    expect(await run()).toContain("not so many answer");
    expect(steps).toEqual(["pause", "promise", "store"]);
  });

  test("does not wait for one that goes and does not answer", async () => {
    const { fake, steps, run } = transferring(removing);
    const { answer } = fake;
    fake.answer = (asked) =>
      asked.to === "c" && asked.kind === "holders" ? new Promise(() => {}) : answer(asked);
    expect(await run()).toBe("done");
    expect(steps).toEqual(["pause", "promise", "store", "tell b", "start"]);
  });

  test("waits for the second of two if a third comes", async () => {
    const { fake, steps, run } = transferring(
      { kind: "add", nodeId: "c", holders: ["a", "b", "c"] },
      ["b"],
      ["a", "b"],
    );
    const { answer } = fake;
    fake.answer = async (asked) => {
      if (asked.kind === "holders" && asked.to === "b") await fake.time.sleep(100);
      return answer(asked);
    };
    expect(await run()).toBe("done");
    expect(steps.slice(-3)).toEqual(["tell c", "tell b", "start"]);
  });

  test.each([
    ["nobody promises the new epoch", "prepare", ["pause", "copy under abc", "promise"]],
    ["nobody takes the new holders", "holders", ["pause", "copy under abc", "promise", "store"]],
  ] as const)("does not begin if %s", async (_, kind, expected) => {
    const { fake, steps, run } = transferring(adding);
    const { answer } = fake;
    fake.answer = (asked) => (asked.kind === kind ? { kind: "busy" } : answer(asked));
    expect(await run()).toContain("not so many answer");
    expect(steps).toEqual([...expected]);
  });

  test("does not begin if two of four know", async () => {
    const { fake, steps, run } = transferring(adding);
    const { answer } = fake;
    fake.answer = (asked) =>
      asked.kind === "holders" && asked.to !== "d" ? { kind: "behind", latest: 1 } : answer(asked);
    expect(await run()).toContain("not so many answer");
    expect(steps).not.toContain("start");
  });

  test("waits until enough holders have everything under this epoch", async () => {
    const { steps, run } = transferring(adding, []);
    expect(await run()).toContain("not so many answer");
    expect(steps).toEqual(["pause"]);
  });

  test("ends if somebody has accepted a later epoch", async () => {
    const { fake, steps, run } = transferring(adding);
    const { answer } = fake;
    const later = { counter: 4, nodeId: "0" };
    fake.answer = (asked) =>
      asked.kind === "prepare" ? { ...(answer(asked) as object), accepted: later } : answer(asked);
    expect(await run()).toContain("another node is taking over");
    expect(steps).toEqual(["pause", "copy under abc", "promise"]);
  });
});

test("copyToNewcomer() copies until little is missing", async () => {
  const { fake, transfer } = transferring(adding);
  let latest = 0;
  const growing = { ...transfer, position: async () => ({ ...position, latest: (latest += 900) }) };
  fake.answer = ({ request }) => ({
    kind: "stored",
    latest: (request as { target: { latest: number } }).target.latest,
  });
  await copyToNewcomer(fake.parts, growing);
  expect(fake.asked.length).toBe(1);
  latest = 0;
  const fast = { ...transfer, position: async () => ({ ...position, latest: (latest += 5000) }) };
  await copyToNewcomer(fake.parts, fast);
  expect(fake.asked.length).toBe(1 + 8);
});
