/**
 * One node of a SWIM cluster as a state machine: inputs in, effects out, time and randomness as arguments. It speaks
 * memberlist's protocol; `src/node/gossip` drives it with sockets and timers, `test/sim` with a virtual network.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import { LedgerError, quote } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { utf8Length } from "../core/utf8.ts";
import type { Counters } from "./counters.ts";
import type { Effect } from "./effect.ts";
import type { Endpoint } from "./endpoint.ts";
import { Exchanges } from "./exchanges.ts";
import { Gossiper } from "./gossiper.ts";
import type { Input, StreamId, Timer } from "./input.ts";
import { type MemberView, memberView } from "./member-view.ts";
import { stateCodes } from "./member-table.ts";
import { NodeContext } from "./node-context.ts";
import { Prober } from "./prober.ts";
import { Rumours, selfSubject } from "./rumours.ts";
import { Streams } from "./streams.ts";
import type { SwimOptions } from "./swim-options.ts";
import { VersionAgreement } from "./version-agreement.ts";
import { encodeMessage, encodeStreamMessage } from "./wire/encode-message.ts";
import type { Alive, PacketMessage, StreamMessage } from "./wire/messages.ts";

/** A good-bye that has not gone round after so many rounds of gossip is over all the same. */
const departureRoundsMax = 25;

export class Swim {
  readonly #node: NodeContext;
  readonly #gossiper: Gossiper;
  readonly #rumours: Rumours;
  readonly #prober: Prober;
  readonly #streams: Streams;
  readonly #exchanges: Exchanges;
  #hasDeparted = false;

  constructor(options: SwimOptions) {
    checkMeta(options.meta);
    const node = new NodeContext(options);
    const gossiper = new Gossiper(node);
    const versions = new VersionAgreement(node);
    const rumours = new Rumours(node, gossiper, versions);
    const streams = new Streams(node, (stream, message) => this.#streamMessage(stream, message));
    this.#node = node;
    this.#gossiper = gossiper;
    this.#rumours = rumours;
    this.#streams = streams;
    this.#prober = new Prober(node, gossiper, rumours, streams);
    this.#exchanges = new Exchanges(node, { gossiper, rumours, versions, streams });
  }

  /**
   * Takes one input at a time of a clock that never goes back, in milliseconds, and returns what is to be done, in order.
   * Throws LedgerError for commands that cannot be carried out; nothing that comes from the network makes it throw.
   */
  handle(input: Input, nowMs: number): readonly Effect[] {
    this.#node.nowMs = nowMs;
    this.#dispatch(input);
    return this.#node.outbox.take();
  }

  get counters(): Readonly<Counters> {
    return this.#node.counters;
  }

  /** 0 if this node answers in time, up to `awarenessMax` - 1 if it has reason to doubt itself. */
  get healthScore(): number {
    return this.#node.awareness.score;
  }

  get incarnation(): number {
    return this.#node.self.incarnation;
  }

  /** What it says about itself. */
  get meta(): Uint8Array {
    return this.#node.self.meta;
  }

  /** Messages that are being passed on. */
  get queued(): number {
    return this.#gossiper.queued;
  }

  /** This node alone, at no cost. */
  get self(): MemberView {
    const { name, endpoint, meta, versions, incarnation, standing } = this.#node.self;
    const state = standing === "leaving" && this.#hasDeparted ? "left" : "alive";
    return { name, endpoint, meta, versions, incarnation, state, isSelf: true };
  }

  /** This node, then every other it knows of, those that somebody made forget excepted. */
  members(): MemberView[] {
    const { table } = this.#node;
    const views = [this.self];
    for (const slot of table.slots())
      if (!this.#rumours.isForgotten(slot)) views.push(memberView(table, slot));
    return views;
  }

  /** Returns the state of a member by its slot in the table of names, one of {@link stateCodes}. Costs nothing. */
  stateCodeOf(slot: number): number {
    return this.#node.table.stateOf(slot);
  }

  /** Takes members for alive without telling anybody, as after a long quiet time together. Before `start`, if at all. */
  preload(members: Iterable<Alive>): void {
    const { table, nowMs, self } = this.#node;
    for (const { node, incarnation, address, port, meta, versions } of members) {
      if (node === self.name) continue;
      const slot = table.insert(node, nowMs, true);
      table.setProfile(slot, table.names.profile(slot, { endpoint: { address, port }, meta, versions }));
      table.setState(slot, stateCodes.alive, incarnation, nowMs);
    }
  }

  #dispatch(input: Input): void {
    switch (input.kind) {
      case "start":
        return this.#start();
      case "packet":
        return this.#packet(input.from, input.bytes);
      case "timer":
        return this.#timer(input.timer);
      case "stream-opened":
        return this.#streams.opened(input.stream, input.from);
      case "stream-data":
        return this.#streams.data(input.stream, input.bytes);
      case "stream-ended":
        return this.#streams.ended(input.stream, input.error);
      case "stalled":
        return this.#stalled(input.forMs);
      default:
        return this.#command(input);
    }
  }

  #command(
    input: Exclude<Input, { kind: "start" | "packet" | "timer" | "stalled" | `stream-${string}` }>,
  ): void {
    switch (input.kind) {
      case "join":
        return this.#exchanges.join(input.to, input.request);
      case "seeds":
        return this.#exchanges.setSeeds(input.seeds);
      case "remember":
        return this.#rumours.remember(input.name, input.endpoint, input.meta);
      case "leave":
        return this.#depart("leaving");
      case "stop":
        return this.#depart("stopping");
      case "forget":
        return this.#rumours.forget(input.name);
      case "meta":
        checkMeta(input.meta);
        this.#node.self.meta = input.meta;
        return this.#rumours.announce();
      case "keyring":
        this.#node.codec.keyring = input.keyring;
        return;
      case "broadcast":
        checkUserBytes(input.bytes, limits.gossipUserBytesMax);
        return this.#gossiper.broadcast(encodeMessage({ kind: "user", bytes: input.bytes }), undefined);
      case "send-user":
        return this.#sendUser(input.to, input.bytes);
    }
  }

  #start(): void {
    this.#prober.start();
    this.#exchanges.start();
  }

  #packet(from: Endpoint, bytes: Uint8Array): void {
    const { codec, counters, outbox } = this.#node;
    const read = codec.unwrap(bytes);
    if (read.kind === "refused") {
      counters.refused[read.refusal] = (counters.refused[read.refusal] ?? 0) + 1;
      outbox.notice({ kind: "refused", from, refusal: read.refusal });
      return;
    }
    if (read.malformed > 0) counters.refused.malformed = (counters.refused.malformed ?? 0) + read.malformed;
    for (const message of read.messages) this.#message(message, from);
  }

  #message(message: PacketMessage, from: Endpoint): void {
    switch (message.kind) {
      case "ping":
        return this.#prober.ping(message, from);
      case "indirect-ping":
        return this.#prober.indirectPing(message, from);
      case "ack":
        return this.#prober.ack(message.seqNo);
      case "nack":
        return this.#prober.nack(message.seqNo);
      case "alive":
        return this.#rumours.alive(message);
      case "suspect":
        return this.#rumours.suspect(message);
      case "dead":
        return this.#rumours.dead(message);
      case "user":
        return this.#node.outbox.push({ kind: "user-message", bytes: message.bytes, reliable: false });
    }
  }

  #streamMessage(stream: StreamId, message: StreamMessage): void {
    switch (message.kind) {
      case "push-pull":
        return this.#exchanges.answer(stream, message);
      case "ping":
        return this.#prober.streamPing(stream, message);
      case "user":
        this.#node.outbox.push({ kind: "user-message", bytes: message.bytes, reliable: true });
        return this.#node.outbox.closeStream(stream);
      case "ack":
      case "error":
        return this.#node.outbox.closeStream(stream);
    }
  }

  #timer({ kind, id, token }: Timer): void {
    switch (kind) {
      case "probe":
        return this.#prober.tick();
      case "probe-timeout":
        return this.#prober.timeout(id);
      case "probe-end":
        return this.#prober.end(id);
      case "relay-timeout":
        return this.#prober.relayTimeout(id);
      case "suspicion":
        return this.#rumours.suspicionOver(id, token);
      case "gossip":
        return this.#gossiper.round(token);
      case "push-pull":
        return this.#exchanges.pushPull();
      case "reconnect":
        return this.#exchanges.reconnect();
      case "departure":
        return this.#departed();
    }
  }

  /** A node that stood still has missed what it did not read: it trusts itself less for each probe interval. */
  #stalled(forMs: number): void {
    const { awareness, options } = this.#node;
    awareness.change(Math.ceil(forMs / options.timing.probeIntervalMs));
  }

  #depart(standing: "leaving" | "stopping"): void {
    const { self, table, options, outbox } = this.#node;
    if (self.standing !== "member") return;
    self.standing = standing;
    const { name: node, incarnation } = self;
    // Who only stops stays on the roster: its death is not its own word, so others see it dead and not left.
    const from = standing === "leaving" ? node : stoppingName(node);
    if (table.active === 0) return this.#departed();
    const bytes = encodeMessage({ kind: "dead", node, incarnation, from });
    this.#gossiper.broadcast(bytes, selfSubject, () => this.#departed());
    outbox.timer("departure", departureRoundsMax * options.timing.gossipIntervalMs);
  }

  #departed(): void {
    if (this.#hasDeparted || this.#node.self.standing === "member") return;
    this.#hasDeparted = true;
    this.#node.outbox.push({ kind: "departed" });
  }

  #sendUser(to: string, bytes: Uint8Array): void {
    checkUserBytes(bytes, limits.gossipUserStreamBytesMax);
    const { table, options } = this.#node;
    const slot = table.find(to);
    if (slot === -1 || !table.isActive(slot)) throw noMember(to);
    const body = encodeStreamMessage({ kind: "user", bytes });
    this.#streams.post(table.profileOf(slot).endpoint, body, options.timing.streamTimeoutMs);
  }
}

/** Returns a name that is not `node`, to be read by people. */
function stoppingName(node: string): string {
  const name = `${node}~stopping`;
  return utf8Length(name) <= limits.memberNameBytesMax ? name : "~stopping";
}

function checkMeta(meta: Uint8Array): void {
  assert(meta.length <= limits.memberMetaBytesMax, "what a node says about itself is short enough");
}

function checkUserBytes(bytes: Uint8Array, limit: number): void {
  if (bytes.length <= limit) return;
  throw new LedgerError("INVALID_ARGUMENT", `the message is ${bytes.length} bytes, more than ${limit}`, {
    reason: "GOSSIP_MESSAGE_TOO_LARGE",
    field: "bytes",
    value: bytes.length,
    limit,
    remedy: "send less",
  });
}

function noMember(name: string): LedgerError {
  return new LedgerError("NOT_FOUND", `there is no member ${quote(name)} that is alive`, {
    reason: "MEMBER_NOT_FOUND",
    field: "name",
    value: name.slice(0, 64),
    remedy: "list the members",
  });
}
