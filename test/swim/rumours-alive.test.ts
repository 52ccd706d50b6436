import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import { NameTable } from "../../src/swim/name-table.ts";
import type { Alive } from "../../src/swim/wire/messages.ts";
import {
  aliveOf,
  changes,
  deadOf,
  incarnation,
  leftOf,
  notices,
  ownIncarnation,
  ownMeta,
  placeOf,
  selfName,
  SoloNode,
  suspectOf,
} from "./solo-node.ts";

/** What the node says about itself, as messages from others would have it. */
function selfAlive(other: Partial<Alive> = {}): Alive {
  return aliveOf(selfName, { incarnation: ownIncarnation, meta: ownMeta, ...other });
}

const elsewhere = placeOf("x");
const incarnationMax = 0xffff_fff0;

describe("alive of a new member", () => {
  test("makes it a member, and is passed on once", () => {
    const node = new SoloNode();
    const message = aliveOf("b", { meta: Uint8Array.of(0x80, 0xff) });
    const { kind: _, node: name, address, port, ...said } = message;
    const member = { name, endpoint: { address, port }, ...said, state: "alive", isSelf: false };
    expect(node.hears("x", message)).toEqual([
      { kind: "set-timer", timer: { kind: "gossip", id: 0, token: 1 }, afterMs: expect.any(Number) },
      { kind: "member", change: "joined", member },
    ] as never);
    expect([node.swim.queued, node.member("b")]).toEqual([1, member as never]);
    expect(node.sent(node.pass(199), "alive")).toEqual([{ to: "b", ...message }]);
  });

  test("that says port 0 means the port of this node", () => {
    const node = new SoloNode({ endpoint: { ...placeOf(selfName), port: 7000 } });
    node.hears("x", aliveOf("b", { port: 0 }));
    expect(node.member("b")?.endpoint).toEqual({ ...placeOf("b"), port: 7000 });
    expect(node.sent(node.pass(199), "alive")).toMatchObject([{ port: 7000 }]);
  });

  test("of an IPv4 address in 16 bytes is that of the 4 bytes", () => {
    const node = new SoloNode({ members: ["b"] });
    const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...placeOf("b").address);
    node.hears("x", aliveOf("b", { address: mapped, incarnation: incarnation + 1 }));
    expect(node.member("b")).toMatchObject({ endpoint: placeOf("b"), incarnation: incarnation + 1 });
    expect(node.swim.counters.nameConflicts).toBe(0);
  });

  test("of an IPv6 address is taken as it is", () => {
    const node = new SoloNode();
    const address = Uint8Array.from({ length: 16 }, (_, index) => 0xf0 + index);
    node.hears("x", aliveOf("b", { address }));
    expect(node.member("b")?.endpoint).toEqual({ address, port: 7946 });
  });

  test.each<[string, Partial<Alive>]>([
    ["no protocol", { versions: Uint8Array.of(0, 5, 2, 0, 5, 5) }],
    ["no greatest protocol", { versions: Uint8Array.of(1, 0, 2, 0, 5, 5) }],
    ["a range the wrong way round", { versions: Uint8Array.of(5, 1, 2, 0, 5, 5) }],
    ["five versions", { versions: Uint8Array.of(1, 5, 2, 0, 5) }],
    ["no versions", { versions: new Uint8Array() }],
    ["an incarnation that nobody has", { incarnation: incarnationMax + 1 }],
  ])("of %s is counted and dropped", (_, other) => {
    const node = new SoloNode();
    expect(node.hears("x", aliveOf("b", other))).toEqual([]);
    expect(node.view()).toEqual({ me: "alive" });
    expect(node.swim.counters.invalidMessages).toBe(1);
  });

  test("may have as much of everything as can be", () => {
    const node = new SoloNode();
    const meta = new Uint8Array(limits.memberMetaBytesMax).fill(0xff);
    const name = "é".repeat(127);
    node.hears("x", aliveOf(name, { ...elsewhere, meta, incarnation: incarnationMax }));
    expect(node.member(name)).toMatchObject({ meta, incarnation: incarnationMax, state: "alive" });
  });
});

describe("alive of a known member", () => {
  test("changes nothing the second time", () => {
    const node = new SoloNode();
    node.hears("x", aliveOf("b"));
    expect(node.hears("x", aliveOf("b"))).toEqual([]);
    expect(node.swim.queued).toBe(1);
  });

  test.each([incarnation - 1, incarnation])("of incarnation %d is dropped, whatever it says", (old) => {
    const node = new SoloNode({ members: ["b"] });
    expect(node.hears("x", aliveOf("b", { incarnation: old, meta: Uint8Array.of(1) }))).toEqual([]);
    expect(node.member("b")).toMatchObject({ incarnation, meta: Uint8Array.of(0xfe) });
  });

  test("of a newer incarnation is passed on, and is no news if it says the same", () => {
    const node = new SoloNode({ members: ["b"] });
    const effects = node.hears("x", aliveOf("b", { incarnation: incarnation + 1 }));
    expect([changes(effects), node.swim.queued]).toEqual([[], 1]);
    expect(node.member("b")?.incarnation).toBe(incarnation + 1);
  });

  test.each<[string, Partial<Alive>]>([
    ["meta", { meta: Uint8Array.of(0xfe, 0) }],
    ["versions", { versions: Uint8Array.of(1, 4, 2, 0, 5, 5) }],
  ])("updates its %s", (_, other) => {
    const node = new SoloNode({ members: ["b"] });
    const effects = node.hears("x", aliveOf("b", { incarnation: incarnation + 1, ...other }));
    expect(changes(effects)).toEqual(["updated b"]);
    expect(node.member("b")).toMatchObject(other);
  });

  test("is no news if it says the same, though a node that shares its names has heard otherwise", () => {
    const shared = new NameTable();
    const node = new SoloNode({ members: ["b"], names: shared });
    const other = new SoloNode({ members: ["b"], names: shared });
    other.hears("x", aliveOf("b", { incarnation: 6, meta: Uint8Array.of(1) }));
    expect(changes(node.hears("x", aliveOf("b", { incarnation: 7 })))).toEqual([]);
    expect(changes(node.hears("x", aliveOf("b", { incarnation: 8, meta: Uint8Array.of(1) })))).toEqual([
      "updated b",
    ]);
  });

  test("of the incarnation it is suspected with does not clear it, a newer one does", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", suspectOf("b"));
    expect(node.hears("x", aliveOf("b"))).toEqual([]);
    expect(node.view()["b"]).toBe("suspect");
    expect(changes(node.hears("x", aliveOf("b", { incarnation: incarnation + 1 })))).toEqual(["recovered b"]);
    expect(node.view()["b"]).toBe("alive");
    expect(changes(node.pass(100_000))).toEqual([]);
  });

  test("in place of what was said about it before", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    node.hears("x", suspectOf("b"));
    node.hears("x", aliveOf("b", { incarnation: incarnation + 1 }));
    expect(node.swim.queued).toBe(1);
    const effects = node.pass(199);
    expect(node.sent(effects, "suspect")).toEqual([]);
    expect(node.sent(effects, "alive").length).toBeGreaterThan(0);
  });

  test("of the incarnation it died or left with does not bring it back, a newer one does", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    node.hears("x", deadOf("b"), leftOf("c"));
    expect(node.hears("x", aliveOf("b"), aliveOf("c"))).toEqual([]);
    const newer = { incarnation: incarnation + 1 };
    expect(changes(node.hears("x", aliveOf("b", newer), aliveOf("c", newer)))).toEqual([
      "joined b",
      "joined c",
    ]);
    expect(node.view()).toEqual({ me: "alive", b: "alive", c: "alive" });
  });
});

describe("alive of a member at another address", () => {
  const newer = { ...elsewhere, incarnation: incarnation + 1 };
  const same = { isSameNode: (known: Uint8Array, meta: Uint8Array) => known[0] === meta[0] };

  test.each(["address", "port"] as const)("is dropped and told while it is alive: %s", (part) => {
    const node = new SoloNode({ members: ["b"], ...same });
    const other = { ...placeOf("b"), [part]: { address: elsewhere.address, port: 7947 }[part] };
    const effects = node.hears("x", aliveOf("b", { ...other, incarnation: incarnation + 1 }));
    expect(effects).toEqual([
      { kind: "notice", notice: { kind: "name-conflict", name: "b", known: placeOf("b"), other } },
    ]);
    expect(node.member("b")).toMatchObject({ endpoint: placeOf("b"), incarnation });
    expect(node.swim.counters.nameConflicts).toBe(1);
  });

  test("is dropped while it is suspect", () => {
    const node = new SoloNode({ members: ["b"], ...same });
    node.hears("x", suspectOf("b"));
    expect(notices(node.hears("x", aliveOf("b", newer)))).toMatchObject([{ kind: "name-conflict" }]);
    expect(node.view()["b"]).toBe("suspect");
  });

  test("is dropped after its death, unless it is the same node", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", deadOf("b"));
    expect(notices(node.hears("x", aliveOf("b", newer)))).toMatchObject([{ kind: "name-conflict" }]);
    const other = new SoloNode({ members: ["b"], ...same });
    other.hears("x", deadOf("b"));
    expect(notices(other.hears("x", aliveOf("b", { ...newer, meta: Uint8Array.of(1) })))).toHaveLength(1);
    expect(notices(other.hears("x", aliveOf("b", { ...newer, incarnation })))).toHaveLength(1);
    expect(other.view()["b"]).toBe("dead");
    expect(changes(other.hears("x", aliveOf("b", newer)))).toEqual(["joined b"]);
    expect(other.member("b")).toMatchObject({ endpoint: elsewhere, state: "alive" });
  });

  test("is taken after it left, by memberlist's count of incarnations even from 1 again", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", leftOf("b"));
    expect(changes(node.hears("x", aliveOf("b", { ...elsewhere, incarnation: 1 })))).toEqual(["joined b"]);
    expect(node.member("b")).toMatchObject({ endpoint: elsewhere, incarnation: 1, state: "alive" });
    expect(node.sent(node.pass(199), "alive")).toMatchObject([{ to: "x", ...elsewhere, incarnation: 1 }]);
  });

  test("is dropped after it left if it is an old word of a node that counts by Unix seconds", () => {
    const node = new SoloNode({ members: [aliveOf("b", { incarnation: ownIncarnation })] });
    node.hears("x", leftOf("b", { incarnation: ownIncarnation }));
    const old = aliveOf("b", { ...elsewhere, incarnation: ownIncarnation });
    expect(node.hears("x", old)).toEqual([]);
    expect(node.view()["b"]).toBe("left");
    expect(changes(node.hears("x", { ...old, incarnation: ownIncarnation + 1 }))).toEqual(["joined b"]);
  });
});

describe("alive of this node", () => {
  test("that is so, or old, is dropped", () => {
    const node = new SoloNode({ members: ["b"] });
    expect(node.hears("b", selfAlive())).toEqual([]);
    const old = selfAlive({ incarnation: ownIncarnation - 1, meta: new Uint8Array() });
    expect(node.hears("b", old)).toEqual([]);
    expect(node.swim.incarnation).toBe(ownIncarnation);
  });

  test.each<[string, Partial<Alive>, number]>([
    ["other meta", { meta: Uint8Array.of(1) }, 1],
    ["other versions", { versions: Uint8Array.of(1, 5, 2, 2, 5, 5) }, 1],
    ["a newer incarnation", { incarnation: ownIncarnation + 7 }, 8],
  ])("of %s is contradicted beyond it", (_, other, more) => {
    const node = new SoloNode({ members: ["b"] });
    expect(notices(node.hears("b", selfAlive(other)))).toEqual([
      { kind: "refuted", accusation: "alive", from: selfName },
    ]);
    expect([node.swim.incarnation, node.swim.healthScore]).toEqual([ownIncarnation + more, 1]);
    expect(node.swim.counters).toMatchObject({ refutations: 1, nameConflicts: 0 });
    expect(node.sent(node.pass(199), "alive")).toEqual([
      { to: "b", ...selfAlive({ incarnation: ownIncarnation + more }) },
    ]);
  });

  test("at another address is told and contradicted: somebody uses its name", () => {
    const node = new SoloNode({ members: ["b"] });
    const known = placeOf(selfName);
    expect(notices(node.hears("b", selfAlive({ ...elsewhere })))).toEqual([
      { kind: "name-conflict", name: selfName, known, other: elsewhere },
      { kind: "refuted", accusation: "alive", from: selfName },
    ]);
    expect(node.sent(node.pass(199), "alive")).toEqual([
      { to: "b", ...selfAlive({ incarnation: ownIncarnation + 1 }) },
    ]);
    const old = selfAlive({ ...elsewhere, incarnation: 1 });
    expect(notices(node.hears("b", old))).toMatchObject([{ kind: "name-conflict" }]);
    expect(node.swim.counters).toMatchObject({ refutations: 1, nameConflicts: 2 });
    expect(node.swim.members()).toHaveLength(2);
  });

  test("is contradicted up to the greatest incarnation that others take, and not beyond", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("b", selfAlive({ incarnation: incarnationMax - 1 }));
    expect(node.swim.incarnation).toBe(incarnationMax);
    const said = node.sent(node.pass(199), "alive");
    expect(said).toMatchObject([{ incarnation: incarnationMax }]);
    node.hears("b", selfAlive({ incarnation: incarnationMax, meta: new Uint8Array() }));
    node.hears("b", selfAlive({ incarnation: incarnationMax + 1 }));
    expect([node.swim.incarnation, node.swim.counters.invalidMessages]).toEqual([incarnationMax, 2]);
    const other = new SoloNode();
    expect(changes(other.hears("x", ...said.map((message) => ({ ...message, node: "c" }))))).toEqual([
      "joined c",
    ]);
  });
});

describe("members are as many as membersMax, this node among them", () => {
  const crowd = Array.from({ length: limits.membersMax - 2 }, (_, index) =>
    aliveOf(`n${index.toString(36)}`),
  );
  const seen = (node: SoloNode) => node.swim.members().length;

  test("more are passed over as long as nobody is gone for long", () => {
    const node = new SoloNode({ members: crowd });
    node.hears("x", aliveOf("b"));
    expect(seen(node)).toBe(limits.membersMax);
    expect(node.hears("x", aliveOf("c"))).toEqual([]);
    node.hears("x", deadOf("b"));
    expect(node.hears("x", aliveOf("c"))).toEqual([]);
    expect([seen(node), node.member("c")]).toEqual([limits.membersMax, undefined]);
  });

  test("who is dead and retired makes room", () => {
    const node = new SoloNode();
    node.hears("x", aliveOf("b"), deadOf("b"));
    node.input({ kind: "timer", timer: { kind: "probe", id: 0, token: 0 } });
    node.pass(60_000);
    for (const member of crowd) node.hears("x", member);
    expect([seen(node), node.member("b")?.state]).toEqual([limits.membersMax, "dead"]);
    expect(changes(node.hears("x", aliveOf("c")))).toEqual(["joined c"]);
    expect([seen(node), node.member("b")]).toEqual([limits.membersMax, undefined]);
    expect(node.hears("x", aliveOf("d"))).toEqual([]);
  });
});
