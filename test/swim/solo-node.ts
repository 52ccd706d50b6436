import { expect } from "bun:test";
import { assert } from "../../src/core/assert.ts";
import { nodeCipher } from "../../src/node/gossip/node-cipher.ts";
import type { Effect, Notice } from "../../src/swim/effect.ts";
import type { Endpoint } from "../../src/swim/endpoint.ts";
import type { Input, StreamId, Timer } from "../../src/swim/input.ts";
import type { MemberView } from "../../src/swim/member-view.ts";
import { Swim } from "../../src/swim/swim.ts";
import type { SwimOptions } from "../../src/swim/swim-options.ts";
import { type Timing, timingProfiles } from "../../src/swim/timing.ts";
import { defaultDelegate, ownVersions } from "../../src/swim/versions.ts";
import { encodeCompound } from "../../src/swim/wire/compound.ts";
import { encodeMessage, encodeStreamMessage } from "../../src/swim/wire/encode-message.ts";
import { emptyKeyring } from "../../src/swim/wire/keyring.ts";
import {
  type Alive,
  type Dead,
  type NodeState,
  nodeStates,
  type PacketMessage,
  type PushPull,
  type StreamMessage,
  type Suspect,
} from "../../src/swim/wire/messages.ts";
import { PacketCodec } from "../../src/swim/wire/packet-codec.ts";
import { StreamDecoder, type StreamRole, wrapStream } from "../../src/swim/wire/stream-codec.ts";
import { seededRandom } from "./wire/codec.ts";

export interface SoloOptions extends Partial<Omit<SwimOptions, "timing">> {
  /** Where it is not that of the lan. */
  readonly timing?: Partial<Timing>;
  /** Who it takes for alive from the beginning, without having anything to say about them. */
  readonly members?: readonly (string | Alive)[];
}

/** A packet as its receiver reads it. */
export interface SentPacket {
  readonly to: string;
  readonly messages: readonly PacketMessage[];
}

export type Sent<Kind extends PacketMessage["kind"]> = Extract<PacketMessage, { kind: Kind }> & {
  readonly to: string;
};

/** A stream as its other side reads it. */
export interface SentStream {
  readonly stream: StreamId;
  /** Undefined for answers on streams of others. */
  readonly to: string | undefined;
  readonly message: StreamMessage;
}

export const selfName = "me";
/** First incarnation of the node under test. */
export const ownIncarnation = 1_750_000_000;
export const ownMeta = Uint8Array.of(0xff, 0x80);
/** The versions of a ledger node. */
export const ledgerVersions = ownVersions(defaultDelegate);

/**
 * One node in the hands of a test: it hears what the test says when the test says it, its timers ring when the test lets
 * time pass, and what it does is kept, and read as others would read it. There is no other node.
 */
export class SoloNode {
  readonly swim: Swim;
  nowMs = 1_000_000;
  readonly #codec: PacketCodec;
  readonly #timers: { readonly timer: Timer; readonly dueMs: number }[] = [];
  readonly #effects: Effect[] = [];
  #streams = 0;

  constructor({ members = [], ...options }: SoloOptions = {}) {
    const whole: SwimOptions = {
      name: selfName,
      endpoint: placeOf(selfName),
      meta: ownMeta,
      incarnation: ownIncarnation,
      label: "",
      keyring: emptyKeyring,
      cipher: nodeCipher,
      random: seededRandom(1),
      ...options,
      timing: { ...timingProfiles.lan, ...options.timing },
    };
    this.swim = new Swim(whole);
    this.swim.preload(members.map((member) => (typeof member === "string" ? aliveOf(member) : member)));
    this.#codec = new PacketCodec({ ...whole, random: seededRandom(2) });
  }

  /** Gives it an input, and returns what it does at once. */
  input(input: Input): readonly Effect[] {
    if (input.kind === "keyring") this.#codec.keyring = input.keyring;
    const effects = this.swim.handle(input, this.nowMs);
    this.#effects.push(...effects);
    for (const effect of effects)
      if (effect.kind === "set-timer")
        this.#timers.push({ timer: effect.timer, dueMs: this.nowMs + effect.afterMs });
    return effects;
  }

  /** Gives it messages in one packet from the place of a node. */
  hears(from: string, ...messages: readonly PacketMessage[]): readonly Effect[] {
    const [first = new Uint8Array(), ...others] = messages.map(encodeMessage);
    const body = others.length === 0 ? first : encodeCompound([first, ...others]);
    return this.input({ kind: "packet", from: placeOf(from), bytes: this.#codec.wrap(body) });
  }

  /** Gives it a message on a stream that another node opens. */
  hearsOnStream(from: string, message: StreamMessage): readonly Effect[] {
    const stream = this.opens(from);
    const bytes = wrapStream(this.#codec, encodeStreamMessage(message), "dialler");
    return this.input({ kind: "stream-data", stream, bytes });
  }

  /** Lets another node open a stream. */
  opens(from: string): StreamId {
    const stream = --this.#streams;
    this.input({ kind: "stream-opened", stream, from: placeOf(from) });
    return stream;
  }

  /** Gives it the answer on a stream that it opened. */
  isAnswered(stream: StreamId, message: StreamMessage): readonly Effect[] {
    const bytes = wrapStream(this.#codec, encodeStreamMessage(message), "acceptor");
    return this.input({ kind: "stream-data", stream, bytes });
  }

  /** Lets time pass, in which timers ring when they are due, and in that order; returns what it does meanwhile. */
  pass(forMs: number): readonly Effect[] {
    const endMs = this.nowMs + forMs;
    const effects: Effect[] = [];
    for (let next = this.#nextTimer(endMs); next !== undefined; next = this.#nextTimer(endMs)) {
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      effects.push(...this.input({ kind: "timer", timer: next.timer }));
    }
    this.nowMs = endMs;
    return effects;
  }

  /** Lets the timers of one kind that are set ring now, whenever they are due. */
  ring(kind: Timer["kind"]): readonly Effect[] {
    const ringing = this.#timers.filter(({ timer }) => timer.kind === kind);
    for (const one of ringing) this.#timers.splice(this.#timers.indexOf(one), 1);
    return ringing.flatMap(({ timer }) => this.input({ kind: "timer", timer }));
  }

  /** How long it is until each timer of one kind rings. */
  waits(kind: Timer["kind"]): readonly number[] {
    return this.#timers.filter(({ timer }) => timer.kind === kind).map(({ dueMs }) => dueMs - this.nowMs);
  }

  /** Returns what it has done since this was called last. */
  take(): readonly Effect[] {
    return this.#effects.splice(0);
  }

  /** Returns the packets among effects. */
  packets(effects: readonly Effect[]): readonly SentPacket[] {
    return effects.flatMap((effect) =>
      effect.kind === "send" ? [{ to: nameAt(effect.to), messages: this.#read(effect.bytes) }] : [],
    );
  }

  /** Returns the messages of one kind among effects, with who they were sent to. */
  sent<Kind extends PacketMessage["kind"]>(effects: readonly Effect[], kind: Kind): readonly Sent<Kind>[] {
    return this.packets(effects).flatMap(({ to, messages }) =>
      messages.flatMap((message) => (message.kind === kind ? [{ to, ...message } as Sent<Kind>] : [])),
    );
  }

  /** Returns the streams that were opened or answered among effects. */
  streams(effects: readonly Effect[]): readonly SentStream[] {
    return effects.flatMap((effect): SentStream[] => {
      if (effect.kind === "open-stream")
        return [
          {
            stream: effect.stream,
            to: nameAt(effect.to),
            message: this.#readStream(effect.bytes, "acceptor"),
          },
        ];
      if (effect.kind === "write-stream")
        return [{ stream: effect.stream, to: undefined, message: this.#readStream(effect.bytes, "dialler") }];
      return [];
    });
  }

  /** Returns the one stream that was opened or answered. */
  stream(effects: readonly Effect[]): SentStream {
    const [stream, ...others] = this.streams(effects);
    assert(stream !== undefined && others.length === 0, "there is one stream");
    return stream;
  }

  /** Returns the states on the one stream that was opened or answered. */
  states(effects: readonly Effect[]): readonly NodeState[] {
    const { message } = this.stream(effects);
    assert(message.kind === "push-pull", "the stream is an exchange of states");
    return message.states;
  }

  /** Names of members, itself among them, with their states. */
  view(): Record<string, string> {
    return Object.fromEntries(this.swim.members().map(({ name, state }) => [name, state]));
  }

  member(name: string): MemberView | undefined {
    return this.swim.members().find((member) => member.name === name);
  }

  #nextTimer(endMs: number): { readonly timer: Timer; readonly dueMs: number } | undefined {
    const due = this.#timers.filter(({ dueMs }) => dueMs <= endMs);
    const next = due.sort((one, other) => one.dueMs - other.dueMs)[0];
    if (next !== undefined) this.#timers.splice(this.#timers.indexOf(next), 1);
    return next;
  }

  #read(bytes: Uint8Array): readonly PacketMessage[] {
    const read = this.#codec.unwrap(bytes);
    assert(read.kind === "messages" && read.malformed === 0, "others can read what is sent");
    return read.messages;
  }

  #readStream(bytes: Uint8Array, role: StreamRole): StreamMessage {
    const progress = new StreamDecoder(this.#codec, role).push(bytes);
    assert(progress.kind === "message", "others can read what comes over a stream");
    return progress.message;
  }
}

/** Returns where a node is, by its name of up to 4 letters and digits; its bytes are no text. */
export function placeOf(name: string): Endpoint {
  const number = Number.parseInt(name, 36);
  return { address: Uint8Array.of(200, number >> 16, number >> 8, number), port: 7946 };
}

/** Returns whose place this is, with the port if it is another. */
export function nameAt({ address, port }: Endpoint): string {
  const number = address.slice(1).reduce((sum, byte) => sum * 256 + byte, 0);
  return `${number.toString(36)}${port === 7946 ? "" : `:${port}`}`;
}

/** Incarnation of members unless something else is said. */
export const incarnation = 5;

export function aliveOf(node: string, other: Partial<Alive> = {}): Alive {
  const meta = Uint8Array.of(0xfe);
  return { kind: "alive", node, incarnation, ...placeOf(node), meta, versions: ledgerVersions, ...other };
}

export function suspectOf(node: string, other: Partial<Suspect> = {}): Suspect {
  return { kind: "suspect", node, incarnation, from: "z", ...other };
}

export function deadOf(node: string, other: Partial<Dead> = {}): Dead {
  return { kind: "dead", node, incarnation, from: "z", ...other };
}

export function leftOf(node: string, other: Partial<Dead> = {}): Dead {
  return deadOf(node, { from: node, ...other });
}

export function stateOf(node: string, state: keyof typeof nodeStates, other: Partial<Alive> = {}): NodeState {
  const { kind: _, node: name, ...said } = aliveOf(node, other);
  return { name, ...said, state: nodeStates[state] };
}

export function pushPullOf(states: readonly NodeState[], other: Partial<PushPull> = {}): PushPull {
  return { kind: "push-pull", join: false, states, userState: new Uint8Array(), ...other };
}

/** Changes of members among effects, as "joined b". */
export function changes(effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) =>
    effect.kind === "member" ? [`${effect.change} ${effect.member.name}`] : [],
  );
}

export function notices(effects: readonly Effect[]): readonly Notice[] {
  return effects.flatMap((effect) => (effect.kind === "notice" ? [effect.notice] : []));
}

/** Names for `count` nodes. */
export function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `n${index.toString(36)}`);
}

/** What a LedgerError of a reason looks like. */
export function failure(reason: string): Error {
  return expect.objectContaining({ facts: expect.objectContaining({ reason }) }) as Error;
}
