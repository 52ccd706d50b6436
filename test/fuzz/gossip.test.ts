/**
 * Whatever comes by UDP or TCP is read or refused for one of the known reasons, within its bounds, and leaves nothing
 * behind. FUZZ_SEED in the environment chooses the samples; a failure tells the seed and the bytes.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { hex } from "../../src/core/hex.ts";
import { limits } from "../../src/core/limits.ts";
import { utf8Length } from "../../src/core/utf8.ts";
import { encodeCompound } from "../../src/swim/wire/compound.ts";
import { encodeMessage, encodeStreamMessage } from "../../src/swim/wire/encode-message.ts";
import type { NodeState, PacketMessage, StreamMessage } from "../../src/swim/wire/messages.ts";
import type { PacketCodec, Unwrapped } from "../../src/swim/wire/packet-codec.ts";
import { refusals } from "../../src/swim/wire/refusal.ts";
import {
  StreamDecoder,
  type StreamProgress,
  type StreamRole,
  wrapStream,
} from "../../src/swim/wire/stream-codec.ts";
import {
  aliveOf,
  changes,
  deadOf,
  leftOf,
  ownIncarnation,
  placeOf,
  selfName,
  SoloNode,
  suspectOf,
} from "../swim/solo-node.ts";
import { codecOf, compressed, seededRandom } from "../swim/wire/codec.ts";
import { golden, pattern } from "../swim/wire/golden.ts";

const seed = Number(Bun.env["FUZZ_SEED"] ?? 20_251_123);
const packetCount = 1_000_000;
const streamCount = 100_000;
const inputCount = 50_000;
const heapGrowthMax = 48 * 1024 * 1024;

const key = pattern({ length: 32, seed: 1, alphabet: 256 });
const plain = codecOf();
const labelled = codecOf({ label: "prod" });
const sealing = codecOf({ keys: [key] });
const both = codecOf({ label: "prod", keys: [key] });
const known = new Set<string>(refusals);

type Fuzz = ReturnType<typeof fuzzOf>;

/** Returns choices and damages that follow from `from`. */
function fuzzOf(from: number) {
  const { below } = seededRandom(from);
  const oneOf = <Value>(values: readonly Value[]): Value => {
    const value = values[below(values.length)];
    if (value === undefined) throw new Error("nothing to choose from");
    return value;
  };
  const damages: readonly ((bytes: Uint8Array) => Uint8Array)[] = [
    (bytes) => bytes.with(below(bytes.length), below(256)),
    (bytes) => bytes.with(below(bytes.length), oneOf(heads)),
    (bytes) => {
      const at = below(bytes.length);
      return bytes.with(at, (bytes[at] ?? 0) ^ (1 << below(8)));
    },
    (bytes) => bytes.subarray(0, 1 + below(bytes.length)),
    (bytes) => spliced(bytes, below(bytes.length), below(9), new Uint8Array(0)),
    (bytes) => spliced(bytes, below(bytes.length), 0, Uint8Array.of(oneOf(heads), below(256), below(256))),
    (bytes) => spliced(bytes, below(bytes.length), below(5), Uint8Array.of(oneOf(heads), 255, 255, 255, 255)),
    (bytes) => {
      const from = below(bytes.length);
      return spliced(bytes, below(bytes.length), 0, bytes.subarray(from, from + below(40)));
    },
  ];
  const damaged = (bytes: Uint8Array): Uint8Array => {
    let result = bytes;
    for (let times = 1 + below(3); times > 0 && result.length > 0; times--) result = oneOf(damages)(result);
    return result;
  };
  return { below, oneOf, damaged };
}

/** First bytes of values, types of messages, and numbers at their bounds. */
const heads = [
  ...[0, 1, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7],
  ...[0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd3, 0xd4, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0],
  ...[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 244, 255],
];

function spliced(bytes: Uint8Array, at: number, drop: number, put: Uint8Array): Uint8Array {
  const rest = bytes.subarray(Math.min(bytes.length, at + drop));
  const result = new Uint8Array(at + put.length + rest.length);
  result.set(bytes.subarray(0, at));
  result.set(put, at);
  result.set(rest, at + put.length);
  return result;
}

/** Ways in which a body becomes a packet, with how often each is taken. */
const wrappings: readonly [number, PacketCodec, (body: Uint8Array) => Uint8Array][] = [
  [150, plain, (body) => body],
  [10, plain, (body) => plain.wrap(body, { crc: true })],
  [10, plain, (body) => encodeCompound([body, encodeMessage({ kind: "nack", seqNo: 1 }), body])],
  [2, plain, compressed],
  [2, plain, (body) => encodeCompound([compressed(body), compressed(encodeCompound([body, body]))])],
  [10, labelled, (body) => labelled.wrap(body)],
  [10, sealing, (body) => sealing.wrap(body, { crc: true })],
  [10, both, (body) => both.wrap(body)],
];
const wrappingChoices = wrappings.flatMap((one) => Array.from({ length: one[0] }, () => one));

const packetBodies = [
  ...golden.messages.map(({ bytes }) => bytes),
  ...golden.packets.filter(({ label, keys }) => label === "" && keys.length === 0).map(({ bytes }) => bytes),
];

function packetOf({ below, oneOf, damaged }: Fuzz): {
  readonly codec: PacketCodec;
  readonly bytes: Uint8Array;
} {
  const [, codec, wrap] = oneOf(wrappingChoices);
  const body = oneOf(packetBodies);
  // Damage below the layers gets as far as the messages, damage above does not.
  const place = below(4);
  const wrapped = wrap(place < 3 ? damaged(body) : body);
  return { codec, bytes: place > 1 ? damaged(wrapped) : wrapped };
}

const streamMessages = golden.streams.map(({ value }) => encodeStreamMessage(value));

function streamOf({ below, oneOf, damaged }: Fuzz) {
  const codec = oneOf([plain, plain, labelled, sealing, both]);
  const role: StreamRole = oneOf(["dialler", "acceptor"]);
  const place = below(4);
  const body = oneOf(streamMessages);
  const inner = place < 3 ? damaged(body) : body;
  const wrapped = wrapStream(codec, below(20) === 0 ? compressed(inner) : inner, role);
  const bytes = place > 1 ? damaged(wrapped) : wrapped;
  return { codec, bytes, role: role === "dialler" ? ("acceptor" as const) : ("dialler" as const) };
}

/** Members, this node, one that is not known, and none. */
const subjects = ["b", "c", "d", "e", "f", selfName];

function nodeAmongSubjects(): SoloNode {
  const node = new SoloNode({ members: ["b", "c", "d", "e"] });
  node.input({ kind: "start" });
  return node;
}

/** What can be said about one of them. */
const hearsay: readonly ((node: string, incarnation: number) => PacketMessage)[] = [
  (node, incarnation) => aliveOf(node, { incarnation }),
  (node, incarnation) => aliveOf(node, { incarnation, meta: Uint8Array.of(incarnation & 0xff) }),
  (node, incarnation) => aliveOf(node, { incarnation, ...placeOf("x") }),
  (node, incarnation) => suspectOf(node, { incarnation }),
  (node, incarnation) => suspectOf(node, { incarnation, from: "b" }),
  (node, incarnation) => deadOf(node, { incarnation }),
  (node, incarnation) => leftOf(node, { incarnation }),
  (node, seqNo) => ({ kind: "ping", seqNo, node, source: undefined }),
  (node, seqNo) => ({
    kind: "indirect-ping",
    seqNo,
    node,
    ...placeOf(node),
    nack: true,
    source: { name: node, ...placeOf(node) },
  }),
  (_, seqNo) => ({ kind: "ack", seqNo, payload: new Uint8Array() }),
  (_, seqNo) => ({ kind: "nack", seqNo }),
];

/** Returns what is wrong with a message that was read; undefined if nothing is. */
function faultOf(message: PacketMessage | StreamMessage): string | undefined {
  switch (message.kind) {
    case "ping":
    case "indirect-ping": {
      const { source } = message;
      if (!isUint32(message.seqNo) || !isName(message.node)) return "probe";
      if (message.kind === "indirect-ping" && !isPlace(message)) return "target";
      return source !== undefined && !(isPlace(source) && isName(source.name)) ? "source" : undefined;
    }
    case "ack":
      return isUint32(message.seqNo) && message.payload.length <= limits.gossipPacketBytesMax
        ? undefined
        : "ack";
    case "nack":
      return isUint32(message.seqNo) ? undefined : "nack";
    case "suspect":
    case "dead":
      return isUint32(message.incarnation) &&
        isName(message.node) &&
        message.node !== "" &&
        isName(message.from)
        ? undefined
        : "accusation";
    case "alive":
      return isMember({ ...message, name: message.node, state: 0 }) ? undefined : "alive";
    case "user":
      return message.bytes.length <= limits.gossipUserStreamBytesMax ? undefined : "user";
    case "push-pull":
      return message.states.length <= limits.gossipStatesMax && message.states.every(isMember)
        ? undefined
        : "push/pull";
    case "error":
      return utf8Length(message.error) <= limits.logTextMax ? undefined : "error";
  }
}

function isMember(state: NodeState): boolean {
  return (
    isName(state.name) &&
    state.name !== "" &&
    isPlace(state) &&
    state.meta.length <= limits.memberMetaBytesMax &&
    state.versions.length <= 6 &&
    isUint32(state.incarnation) &&
    [0, 1, 2, 3].includes(state.state)
  );
}

function isPlace({ address, port }: { readonly address: Uint8Array; readonly port: number }): boolean {
  return (
    (address.length === 4 || address.length === 16) && Number.isInteger(port) && port >= 0 && port <= 65_535
  );
}

function isName(name: string): boolean {
  return name.isWellFormed() && utf8Length(name) <= limits.memberNameBytesMax;
}

function isUint32(value: number): boolean {
  return value >>> 0 === value;
}

/** Calls `act` and tells how to repeat it if it fails. */
function told<Result>(index: number, bytes: Uint8Array, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    throw new Error(`FUZZ_SEED=${seed}, sample ${index}: ${hex(bytes)}`, { cause: error });
  }
}

function check(result: Unwrapped, bytes: Uint8Array): void {
  if (result.kind === "refused") {
    if (!known.has(result.refusal)) throw new Error(`unknown refusal ${result.refusal}`);
    return;
  }
  const bound = Math.min(bytes.length * 200, limits.gossipMessagesMax);
  if (result.messages.length > bound) throw new Error(`${result.messages.length} messages`);
  for (const message of result.messages) {
    const fault = faultOf(message);
    if (fault !== undefined) throw new Error(`${fault} is out of bounds`);
  }
}

/** Returns how much more of the heap is in use after `act` than before. */
function heapGrowth(act: () => void): number {
  Bun.gc(true);
  const before = process.memoryUsage().heapUsed;
  act();
  Bun.gc(true);
  return process.memoryUsage().heapUsed - before;
}

/** Reads the stream in parts, and damages each part after it was given, as a driver does that uses buffers again. */
function pushAll(decoder: StreamDecoder, bytes: Uint8Array, { below }: Fuzz): StreamProgress {
  const buffer = bytes.slice();
  const step = 1 + below(2 * bytes.length);
  let progress: StreamProgress = { kind: "more" };
  for (let offset = 0; offset < buffer.length && progress.kind === "more"; offset += step) {
    progress = decoder.push(buffer.subarray(offset, offset + step));
    buffer.fill(0xee, offset, offset + step);
  }
  return progress;
}

describe("gossip of noise", () => {
  test(`${packetCount} damaged packets are read or refused`, () => {
    const fuzz = fuzzOf(seed);
    const seen = new Map<string, number>();
    const growth = heapGrowth(() => {
      for (let index = 0; index < packetCount; index++) {
        const { codec, bytes } = packetOf(fuzz);
        const result = told(index, bytes, () => {
          const unwrapped = codec.unwrap(bytes);
          check(unwrapped, bytes);
          return unwrapped;
        });
        const outcome = result.kind === "refused" ? result.refusal : result.kind;
        seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      }
    });
    expect(growth).toBeLessThan(heapGrowthMax);
    // Damage that is always refused at the door would prove nothing. No sample is near the bounds of size.
    const expected = refusals.filter((refusal) => refusal !== "too-large");
    expect(expected.filter((refusal) => !seen.has(refusal))).toEqual([]);
    expect(seen.get("messages")).toBeGreaterThan(packetCount / 10);
  }, 60_000);

  test(`${streamCount} damaged streams are read, refused, or want more`, () => {
    const fuzz = fuzzOf(seed + 1);
    const seen = new Map<string, number>();
    const growth = heapGrowth(() => {
      for (let index = 0; index < streamCount; index++) {
        const { codec, bytes, role } = streamOf(fuzz);
        const progress = told(index, bytes, () => {
          const result = pushAll(new StreamDecoder(codec, role), bytes, fuzz);
          if (result.kind === "refused" && !known.has(result.refusal)) throw new Error("unknown refusal");
          const fault = result.kind === "message" ? faultOf(result.message) : undefined;
          if (fault !== undefined) throw new Error(`${fault} is out of bounds`);
          return result;
        });
        const outcome = progress.kind === "refused" ? progress.refusal : progress.kind;
        seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      }
    });
    expect(growth).toBeLessThan(heapGrowthMax);
    const expected = ["label", "plain", "key", "type", "malformed", "compression", "more"];
    expect(expected.filter((outcome) => !seen.has(outcome))).toEqual([]);
    expect(seen.get("message")).toBeGreaterThan(streamCount / 10);
  }, 60_000);

  test(`${inputCount} damaged packets and streams leave a node as it should be`, () => {
    const fuzz = fuzzOf(seed + 3);
    const { below, oneOf, damaged } = fuzz;
    let node = nodeAmongSubjects();
    const sizes = new Set<number>();
    const changed = new Set<string>();
    const growth = heapGrowth(() => {
      for (let index = 0; index < inputCount; index++) {
        // Who was said to have the greatest incarnation changes no more, so now and then there is a new node.
        if (index % 5000 === 0) node = nodeAmongSubjects();
        const about = oneOf(subjects);
        const later = (about === selfName ? ownIncarnation : 0) + Math.floor((index % 5000) / 50) + below(8);
        const incarnation = below(3000) === 0 ? oneOf([0xffff_ffef, 0xffff_fff0, 0xffff_ffff]) : later;
        const body = encodeMessage(oneOf(hearsay)(about, incarnation));
        const bytes = below(2) === 0 ? body : damaged(below(8) === 0 ? oneOf(packetBodies) : body);
        told(index, bytes, () => {
          node.input({ kind: "packet", from: placeOf(oneOf(subjects)), bytes: bytes.slice() });
          const stream = node.opens("x");
          const part = damaged(oneOf(streamMessages));
          if (below(50) === 0) node.input({ kind: "stream-data", stream, bytes: part.slice() });
          if (below(9) !== 0) node.input({ kind: "stream-ended", stream, error: undefined });
          if (below(20) === 0) node.pass(below(3000));
          const effects = node.take();
          // Throws if others cannot read it.
          for (const { messages } of node.packets(effects)) sizes.add(messages.length);
          for (const change of changes(effects)) changed.add(change.slice(0, change.indexOf(" ")));
        });
      }
    });
    expect(growth).toBeLessThan(heapGrowthMax);
    expect(node.swim.members().length).toBeLessThan(limits.membersMax);
    expect(node.swim.queued).toBeLessThanOrEqual(node.swim.members().length);
    expect(node.view()["me"]).toBe("alive");
    expect(sizes.size).toBeGreaterThan(3);
    expect(changed).toEqual(
      new Set(["joined", "updated", "suspected", "recovered", "died", "left", "forgotten"]),
    );
  }, 60_000);

  test("what is read is the same when it is written and read again", () => {
    const fuzz = fuzzOf(seed + 2);
    let compared = 0;
    for (let index = 0; index < 20_000; index++) {
      const { codec, bytes } = packetOf(fuzz);
      const result = codec.unwrap(bytes);
      for (const message of result.kind === "messages" ? result.messages : []) {
        told(index, bytes, () =>
          expect(plain.unwrap(encodeMessage(message))).toEqual({
            kind: "messages",
            messages: [message],
            malformed: 0,
          }),
        );
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(5000);
  }, 30_000);
});
