import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Lead, type LeadOptions, type Next } from "../../src/sync/lead.ts";
import type { PeerRow } from "../../src/sync/peer-messages.ts";

const epoch = { counter: 2, nodeId: "a" };
const all = { bytesMax: 1000, mark: true };

/** The root of a history, as far as that matters here. */
function rootOf(latest: number): Uint8Array {
  return Uint8Array.of(latest & 255, latest >> 8);
}

function leading(options: Partial<LeadOptions> = {}): Lead {
  const start = { latest: 0, root: rootOf(0) };
  return new Lead({
    ...{ contextId: "c", selfId: "a", epoch, holders: ["a", "b", "c"], required: 2, start },
    ...{ committed: 0, bufferBytesMax: 10_000, ...options },
  });
}

function rows(count: number): PeerRow[] {
  return Array.from({ length: count }, () => ({ contentHash: new Uint8Array(32), wire: new Uint8Array(10) }));
}

function grow(lead: Lead, count: number): void {
  const latest = lead.latest + count;
  lead.advanced({ latest, root: rootOf(latest) }, rows(count));
}

describe("Lead", () => {
  test("sends what is new once, whole advances at a time", () => {
    const lead = leading();
    grow(lead, 3);
    grow(lead, 1);
    const first = lead.next("b", { bytesMax: 1, mark: false });
    expect(first).toMatchObject({ kind: "send", through: 3, item: { after: 0, epoch, committed: 0 } });
    expect(lead.next("b", all)).toMatchObject({ kind: "send", through: 4, item: { after: 3 } });
    expect(lead.next("b", { ...all, mark: false })).toBeUndefined();
  });

  test("commits what enough holders have, itself among them", () => {
    const lead = leading({ required: 3 });
    grow(lead, 2);
    lead.answered("b", { kind: "stored", latest: 2 });
    expect(lead.committed).toBe(0);
    lead.answered("c", { kind: "stored", latest: 1 });
    expect(lead.committed).toBe(1);
    expect(lead.copiesOf(2)).toBe(2);
  });

  test("begins with the adoption of a history that others may not have", () => {
    const lead = leading({ start: { latest: 5, root: rootOf(5) }, committed: 4 });
    expect(lead.next("b", all)).toMatchObject({
      kind: "adopt",
      request: { target: { latest: 5 }, committed: 4 },
    });
    expect(lead.next("b", all)).toBeUndefined();
    expect(lead.committed).toBe(4);
    lead.adopted("b", { kind: "stored", latest: 5 });
    expect(lead.committed).toBe(5);
  });

  test("is deposed by whoever was promised more", () => {
    const promised = { counter: 3, nodeId: "b" };
    const lead = leading();
    expect(lead.answered("b", { kind: "refused", promised })).toEqual({ deposedBy: promised });
    expect(lead.adopted("b", { kind: "refused", promised })).toEqual({ deposedBy: promised });
  });

  test("lets a follower adopt that fell too far behind, and keeps nothing for it", () => {
    const lead = leading({ bufferBytesMax: 100 });
    for (let advance = 0; advance < 10; advance++) grow(lead, 1);
    expect(lead.next("b", all)).toMatchObject({ kind: "adopt", request: { target: { latest: 10 } } });
  });

  test("tells a committed sequence alone if it is asked to", () => {
    const lead = leading();
    grow(lead, 1);
    for (const nodeId of ["b", "c"]) {
      lead.next(nodeId, all);
      lead.answered(nodeId, { kind: "stored", latest: 1 });
    }
    // The second was told with the row itself.
    expect(lead.isQuiet).toBe(false);
    expect(lead.next("b", { ...all, mark: false })).toBeUndefined();
    expect(lead.next("b", all)).toMatchObject({ kind: "send", item: { rows: [], committed: 1, after: 1 } });
    expect(lead.isQuiet).toBe(true);
    expect(lead.next("c", all)).toBeUndefined();
  });
});

/** A follower as a model: how much it has, of which the home knows or not. */
class Follower {
  latest = 0;
  history = -1;

  take(next: Next): { kind: "stored"; latest: number } | { kind: "gap" | "behind"; latest: number } {
    if (next.kind === "adopt") {
      this.history = 1;
      this.latest = Math.max(this.latest, next.request.target.latest);
      return { kind: "stored", latest: this.latest };
    }
    const { after, rows: sent } = next.item;
    if (this.history === -1 && after > 0) return { kind: "behind", latest: this.latest };
    if (after > this.latest) return { kind: "gap", latest: this.latest };
    this.history = 1;
    this.latest = Math.max(this.latest, after + sent.length);
    return { kind: "stored", latest: this.latest };
  }
}

test("Lead commits nothing that too few have, and brings every follower to the end, whatever is lost", () => {
  const step = fc.record({
    what: fc.constantFrom("grow", "send", "send", "send", "recheck"),
    follower: fc.constantFrom("b", "c", "d"),
    fate: fc.constantFrom("fine", "fine", "request lost", "answer lost"),
    count: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.nat(3),
      fc.integer({ min: 1, max: 4 }),
      (steps, begun, required) => {
        const start = { latest: begun, root: rootOf(begun) };
        const lead = leading({ holders: ["a", "b", "c", "d"], required, start, bufferBytesMax: 400 });
        const followers = new Map(["b", "c", "d"].map((nodeId) => [nodeId, new Follower()]));
        const exchange = (nodeId: string, fate: string): boolean => {
          const next = lead.next(nodeId, { bytesMax: 60, mark: true });
          if (next === undefined) return false;
          const result = fate === "request lost" ? undefined : followers.get(nodeId)?.take(next);
          const answer = fate === "fine" ? result : undefined;
          if (next.kind === "adopt") lead.adopted(nodeId, answer);
          else if (answer === undefined) lead.failed(nodeId);
          else lead.answered(nodeId, answer);
          const have = [lead.latest, ...[...followers.values()].map(({ latest }) => latest)];
          expect(have.filter((latest) => latest >= lead.committed).length).toBeGreaterThanOrEqual(required);
          return true;
        };
        for (const { what, follower, fate, count } of steps) {
          if (what === "grow") grow(lead, count);
          else if (what === "recheck") lead.recheck();
          else exchange(follower, fate);
        }
        for (const nodeId of followers.keys()) while (exchange(nodeId, "fine"));
        for (const nodeId of followers.keys()) while (exchange(nodeId, "fine"));
        expect([...followers.values()].map(({ latest }) => latest)).toEqual([
          lead.latest,
          lead.latest,
          lead.latest,
        ]);
        expect(lead.committed).toBe(lead.latest);
        expect(lead.isQuiet).toBe(true);
      },
    ),
  );
});
