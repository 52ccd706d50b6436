import { describe, expect, test } from "bun:test";
import { commonVersion } from "../../../src/core/peer-protocol.ts";
import {
  Handshake,
  type HandshakeSelf,
  type HandshakeStep,
  type Session,
} from "../../../src/node/peers/handshake.ts";
import { encodeRefusal, refusalReasons } from "../../../src/node/peers/hello.ts";
import { emptyKeyring, keyringOf } from "../../../src/swim/wire/keyring.ts";
import { id } from "./sample-messages.ts";

const key = new Uint8Array(32).fill(1);
const otherKey = new Uint8Array(16).fill(2);

function self(nodeId: string, changes: Partial<HandshakeSelf> = {}): HandshakeSelf {
  return { nodeId, versions: { min: 1, max: 1 }, label: "blue", ring: keyringOf([key]), ...changes };
}

interface Sides {
  readonly dialer?: Partial<HandshakeSelf>;
  readonly acceptor?: Partial<HandshakeSelf>;
  readonly expected?: string;
}

/** What one side sends is what `wire` makes of it. */
type Wire = (bytes: Uint8Array, from: "dialer" | "acceptor") => Uint8Array;
const faithful: Wire = (bytes) => bytes;
let fresh = 0;

function random(): Uint8Array {
  fresh += 1;
  return new Uint8Array(Bun.SHA256.hash(`random ${fresh}`) as Uint8Array);
}

function run(sides: Sides = {}, wire: Wire = faithful): { dialer: HandshakeStep; acceptor: HandshakeStep } {
  const dialer = new Handshake("dialer", self(id("d"), sides.dialer), random(), sides.expected ?? id("a"));
  const acceptor = new Handshake("acceptor", self(id("a"), sides.acceptor), random());
  const wait: HandshakeStep = { kind: "wait" };
  const steps: { dialer: HandshakeStep; acceptor: HandshakeStep } = { dialer: wait, acceptor: wait };
  const toAcceptor = [dialer.begin()];
  const toDialer: Uint8Array[] = [];
  while (toAcceptor.length + toDialer.length > 0) {
    for (const bytes of toAcceptor.splice(0)) {
      if (steps.acceptor.kind !== "wait") continue;
      steps.acceptor = acceptor.receive(wire(bytes, "dialer"));
      if (steps.acceptor.send !== undefined) toDialer.push(steps.acceptor.send);
    }
    for (const bytes of toDialer.splice(0)) {
      if (steps.dialer.kind !== "wait") continue;
      steps.dialer = dialer.receive(wire(bytes, "acceptor"));
      if (steps.dialer.send !== undefined) toAcceptor.push(steps.dialer.send);
    }
  }
  return steps;
}

function problems(steps: ReturnType<typeof run>): [dialer: string, acceptor: string] {
  const of = (step: HandshakeStep): string =>
    step.kind === "failed" ? `${step.failure.problem} ${step.failure.error.facts.reason}` : step.kind;
  return [of(steps.dialer), of(steps.acceptor)];
}

function sessions(steps: ReturnType<typeof run>): [Session, Session] {
  const { dialer, acceptor } = steps;
  if (dialer.kind !== "done" || acceptor.kind !== "done") throw new Error("they have not agreed");
  return [dialer.session, acceptor.session];
}

describe("Handshake", () => {
  test("ends with keys that open what the other side seals, each direction with its own", () => {
    const [dialer, acceptor] = sessions(run());
    expect([dialer.nodeId, acceptor.nodeId]).toEqual([id("a"), id("d")]);
    expect([dialer.version, acceptor.version]).toEqual([1, 1]);
    const record = new Uint8Array(16 + 5).fill(3);
    dialer.sealer?.seal(record, 0);
    expect(dialer.opener?.open(record.slice())).toBeUndefined();
    expect(acceptor.opener?.open(record)).toEqual(new Uint8Array(5).fill(3));
  });

  test("takes bytes as they come, and keeps what follows", () => {
    const dialer = new Handshake("dialer", self(id("d")), random(), id("a"));
    const acceptor = new Handshake("acceptor", self(id("a")), random());
    let step: HandshakeStep = { kind: "wait" };
    for (const byte of dialer.begin()) step = acceptor.receive(Uint8Array.of(byte));
    const answer = step.send ?? new Uint8Array(0);
    for (const byte of answer) step = dialer.receive(Uint8Array.of(byte));
    const proof = step.send ?? new Uint8Array(0);
    const done = acceptor.receive(Uint8Array.of(...proof, 1, 2, 3));
    expect(done).toMatchObject({ kind: "done", rest: Uint8Array.of(1, 2, 3) });
  });

  test("works without keys, and seals nothing then", () => {
    const plain = { ring: emptyKeyring };
    const [dialer, acceptor] = sessions(run({ dialer: plain, acceptor: plain }));
    expect([dialer.keyId, dialer.sealer, acceptor.opener]).toEqual([undefined, undefined, undefined]);
  });

  test("finds the dialer's key in the whole ring of the acceptor", () => {
    const [dialer, acceptor] = sessions(run({ acceptor: { ring: keyringOf([otherKey, key]) } }));
    expect(acceptor.keyId).toBe(dialer.keyId);
  });

  test.each<[string, Sides, [string, string]]>([
    [
      "another label",
      { acceptor: { label: "red" } },
      ["label PEER_LABELS_DIFFER", "label PEER_LABELS_DIFFER"],
    ],
    ["another node id", { expected: id("b") }, ["node PEER_NODES_DIFFER", "node PEER_NODES_DIFFER"]],
    [
      "its own node id",
      { acceptor: { nodeId: id("d") }, expected: id("d") },
      ["node PEER_NODES_DIFFER", "node PEER_NODES_DIFFER"],
    ],
    [
      "another key",
      { acceptor: { ring: keyringOf([otherKey]) } },
      ["key PEER_KEYS_DIFFER", "key PEER_KEYS_DIFFER"],
    ],
    ["no key here", { acceptor: { ring: emptyKeyring } }, ["key PEER_KEYS_DIFFER", "key PEER_KEYS_DIFFER"]],
    ["no key there", { dialer: { ring: emptyKeyring } }, ["key PEER_KEYS_DIFFER", "key PEER_KEYS_DIFFER"]],
  ])("refuses %s on both sides", (_, sides, expected) => {
    expect(problems(run(sides))).toEqual(expected);
  });

  const ranges = [
    [1, 1],
    [1, 2],
    [2, 2],
    [2, 3],
    [3, 3],
    [1, 65_535],
  ].map(([min = 0, max = 0]) => ({ min, max }));
  const pairs = ranges.flatMap((one) => ranges.map((other) => [one, other] as const));

  test.each(
    pairs.map(([one, other]) => ({
      one,
      other,
      name: `${one.min}-${one.max} and ${other.min}-${other.max}`,
    })),
  )("agrees on the highest common version of $name, or refuses", ({ one, other }) => {
    const steps = run({ dialer: { versions: one }, acceptor: { versions: other } });
    const version = commonVersion(one, other);
    const outcome: (number | string)[] =
      steps.dialer.kind === "done" && steps.acceptor.kind === "done"
        ? [steps.dialer.session.version, steps.acceptor.session.version]
        : problems(steps);
    const refused = ["versions PEER_VERSIONS_DIFFER", "versions PEER_VERSIONS_DIFFER"];
    const expected: unknown = version === undefined ? refused : [version, version];
    expect(outcome).toEqual(expected as typeof outcome);
  });

  test("tells both sides the versions of the other when there is no common one", () => {
    const { dialer, acceptor } = run({
      dialer: { versions: { min: 1, max: 2 } },
      acceptor: { versions: { min: 3, max: 4 } },
    });
    const message = (step: HandshakeStep): string =>
      step.kind === "failed" ? step.failure.error.message : "";
    expect(message(dialer)).toContain("the other node speaks versions 3 to 4, this one 1 to 2");
    expect(message(acceptor)).toContain("the other node speaks versions 1 to 2, this one 3 to 4");
  });

  test.each([...refusalReasons])("takes a refusal: %s", (why) => {
    const dialer = new Handshake("dialer", self(id("d")), random(), id("a"));
    dialer.begin();
    const step = dialer.receive(encodeRefusal({ why, versions: { min: 1, max: 9 } }));
    expect(step).toMatchObject({ kind: "failed", failure: { problem: why } });
    const acceptor = new Handshake("acceptor", self(id("a")), random());
    const refused = acceptor.receive(encodeRefusal({ why, versions: { min: 1, max: 9 } }));
    expect(refused).toMatchObject({ kind: "failed", failure: { problem: "garbage" } });
  });
});

describe.each<[string, Sides]>([
  ["sealed", {}],
  ["plain", { dialer: { ring: emptyKeyring }, acceptor: { ring: emptyKeyring } }],
])("A handshake that is %s", (_, sides) => {
  /** Every message, by its sender and number. */
  const lengths = new Map<string, number>();
  run(
    sides,
    counting((name, bytes) => (lengths.set(name, bytes.length), bytes)),
  );

  test.each([...lengths.keys()])("is never agreed on by both if a bit of %s is changed", (name) => {
    const bits = (lengths.get(name) ?? 0) * 8;
    const accepted: number[] = [];
    for (let bit = 0; bit < bits; bit += 1) {
      const flip = (bytes: Uint8Array): Uint8Array => {
        const flipped = bytes.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        return flipped;
      };
      const steps = run(
        sides,
        counting((one, bytes) => (one === name ? flip(bytes) : bytes)),
      );
      // Whoever sent its proof last cannot know; the one that got it must not take it.
      if (steps.acceptor.kind === "done") accepted.push(bit);
      if (steps.dialer.kind === "done" && name !== "dialer 1") accepted.push(bit);
    }
    expect(accepted).toEqual([]);
  });

  test("does not take a recorded dialer", () => {
    const said: Uint8Array[] = [];
    run(sides, (bytes, from) => {
      if (from === "dialer") said.push(bytes);
      return bytes;
    });
    const acceptor = new Handshake("acceptor", self(id("a"), sides.acceptor), random());
    expect(said.map((bytes) => acceptor.receive(bytes).kind)).toEqual(["wait", "failed"]);
  });
});

test("A dialer does not take its own words for those of the other", () => {
  const dialer = new Handshake("dialer", self(id("d")), random(), id("a"));
  expect(dialer.receive(dialer.begin())).toMatchObject({ kind: "failed", failure: { problem: "node" } });
});

test("Records are opened once, in order, and unchanged", () => {
  const [dialer, acceptor] = sessions(run());
  const records = [1, 2, 3].map((byte) => {
    const record = new Uint8Array(16 + 40).fill(byte);
    dialer.sealer?.seal(record, 0);
    return record;
  });
  const [first = new Uint8Array(0), second = new Uint8Array(0), third = new Uint8Array(0)] = records;
  expect(acceptor.opener?.open(first)?.[0]).toBe(1);
  // The number of a record that was not opened is used up: the connection ends there anyway.
  expect(acceptor.opener?.open(first)).toBeUndefined();
  expect(acceptor.opener?.open(second)).toBeUndefined();
  expect(acceptor.opener?.open(third)).toBeUndefined();
});

test("A record of which a bit is changed is not opened", () => {
  const accepted: number[] = [];
  for (let bit = 0; bit < (16 + 20) * 8; bit += 1) {
    const [dialer, acceptor] = sessions(run());
    const record = new Uint8Array(16 + 20).fill(5);
    dialer.sealer?.seal(record, 0);
    record[bit >> 3] = (record[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    if (acceptor.opener?.open(record) !== undefined) accepted.push(bit);
  }
  expect(accepted).toEqual([]);
});

function counting(change: (name: string, bytes: Uint8Array) => Uint8Array): Wire {
  const counts = { dialer: 0, acceptor: 0 };
  return (bytes, from) => change(`${from} ${counts[from]++}`, bytes);
}
