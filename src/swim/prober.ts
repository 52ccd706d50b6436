import type { Endpoint } from "./endpoint.ts";
import type { Gossiper } from "./gossiper.ts";
import type { StreamId } from "./input.ts";
import { stateCodes } from "./member-table.ts";
import type { NodeContext } from "./node-context.ts";
import type { Rumours } from "./rumours.ts";
import type { StreamOutcome, Streams } from "./streams.ts";
import { answersStreamPings, protocolMaxOf, sendsNacks } from "./versions.ts";
import { encodeMessage, encodeStreamMessage } from "./wire/encode-message.ts";
import type { Ack, IndirectPing, Nack, Ping, Source } from "./wire/messages.ts";

/** One probe under way. */
interface Round {
  readonly seqNo: number;
  readonly slot: number;
  readonly name: string;
  /** As known when it began: what it would be suspected with. */
  readonly incarnation: number;
  readonly endsMs: number;
  nacksExpected: number;
  nacks: number;
  isIndirect: boolean;
  stream: StreamId | undefined;
}

/** A ping on behalf of somebody else. */
interface Relay {
  readonly seqNo: number;
  readonly to: Endpoint;
  /** Of who asked; not its slot, which may be somebody else's by the time of the answer. */
  readonly asker: string;
  readonly wantsNack: boolean;
}

/** Pings on others' behalf at the same time; more are not answered. */
const relaysMax = 4096;
const seqNoEnd = 2 ** 32;

/**
 * Asks one member after the other if it is there: itself, then through others and over a stream, and suspects it if
 * nobody brings an answer in time.
 */
export class Prober {
  readonly #node: NodeContext;
  readonly #gossiper: Gossiper;
  readonly #rumours: Rumours;
  /** Begins anywhere: acks of an earlier life of this node, and made-up ones, hardly ever meet a probe. */
  #seqNo: number;
  readonly #streams: Streams;
  #round: Round | undefined;
  readonly #relays = new Map<number, Relay>();

  constructor(node: NodeContext, gossiper: Gossiper, rumours: Rumours, streams: Streams) {
    this.#node = node;
    this.#streams = streams;
    this.#gossiper = gossiper;
    this.#rumours = rumours;
    this.#seqNo = node.options.random.below(seqNoEnd - 1);
  }

  start(): void {
    const { timing, random } = this.#node.options;
    this.#node.outbox.timer("probe", random.below(timing.probeIntervalMs));
  }

  /** Begins the next probe, unless one is still under way. */
  tick(): void {
    this.#node.outbox.timer("probe", this.#node.options.timing.probeIntervalMs);
    if (this.#round !== undefined) return;
    const slot = this.#next();
    if (slot !== undefined) this.#probe(slot);
  }

  /** Asks others, and tries a stream, if the probe `seqNo` has got no answer yet. */
  timeout(seqNo: number): void {
    const round = this.#round;
    if (round?.seqNo !== seqNo) return;
    const { table, options, nowMs } = this.#node;
    const { slot, name } = round;
    const { endpoint, versions } = table.profileOf(slot);
    round.isIndirect = true;
    const helpers = table.pick(
      options.timing.indirectChecks,
      (other) => other !== slot && table.stateOf(other) === stateCodes.alive,
    );
    const ask = { kind: "indirect-ping", seqNo, node: name, ...endpoint, source: this.#source() } as const;
    for (const helper of helpers) {
      const profile = table.profileOf(helper);
      const nack = protocolMaxOf(profile.versions) >= sendsNacks;
      if (nack) round.nacksExpected++;
      this.#gossiper.send(helper, profile.endpoint, { ...ask, nack });
    }
    if (protocolMaxOf(versions) < answersStreamPings) return;
    const ping = encodeStreamMessage({ kind: "ping", seqNo, node: name, source: this.#source() });
    const left = Math.max(1, round.endsMs - nowMs);
    round.stream = this.#streams.open(endpoint, ping, left, (outcome) =>
      this.#streamAnswered(round, outcome),
    );
  }

  /** Suspects the member of the probe `seqNo` if it has got no answer. */
  end(seqNo: number): void {
    const round = this.#round;
    if (round?.seqNo !== seqNo) return;
    this.#finish(round);
    const { awareness, counters, self } = this.#node;
    counters.probesFailed++;
    // Helpers that said nothing at all make it likely that it is this node that does not hear.
    awareness.change(round.nacksExpected > 0 ? round.nacksExpected - round.nacks : 1);
    const { name: node, incarnation } = round;
    this.#rumours.suspect({ kind: "suspect", node, incarnation, from: self.name });
  }

  /** Tells the asker of the ping `seqNo` that its member did not answer. */
  relayTimeout(seqNo: number): void {
    const relay = this.#relays.get(seqNo);
    if (relay === undefined) return;
    this.#relays.delete(seqNo);
    if (relay.wantsNack) this.#answer(relay.asker, relay.to, { kind: "nack", seqNo: relay.seqNo });
  }

  /** Answers a ping that came over a stream; the stream ends either way. */
  streamPing(stream: StreamId, { seqNo, node }: Ping): void {
    if (node !== "" && node !== this.#node.self.name) return this.#streams.close(stream);
    this.#streams.reply(stream, encodeStreamMessage({ kind: "ack", seqNo, payload: nothing }));
  }

  /** Answers a ping, unless another node is meant. */
  ping({ seqNo, node, source }: Ping, from: Endpoint): void {
    if (node !== "" && node !== this.#node.self.name) return;
    const [asker, to] = askerOf(source, from);
    this.#answer(asker, to, { kind: "ack", seqNo, payload: nothing });
  }

  /** Pings a member for another. */
  indirectPing(ask: IndirectPing, from: Endpoint): void {
    if (this.#relays.size >= relaysMax || !isAddress(ask.address)) return;
    const [asker, to] = askerOf(ask.source, from);
    const seqNo = this.#nextSeqNo();
    this.#relays.set(seqNo, { seqNo: ask.seqNo, to, asker, wantsNack: ask.nack });
    this.#node.outbox.timer("relay-timeout", this.#node.options.timing.probeTimeoutMs, seqNo);
    const port = ask.port === 0 ? this.#node.self.endpoint.port : ask.port;
    const target = this.#node.table.find(ask.node);
    const ping = { kind: "ping", seqNo, node: ask.node, source: this.#source() } as const;
    this.#gossiper.send(target, { address: ask.address, port }, ping);
  }

  ack(seqNo: number): void {
    const relay = this.#relays.get(seqNo);
    if (relay !== undefined) {
      this.#relays.delete(seqNo);
      this.#answer(relay.asker, relay.to, { kind: "ack", seqNo: relay.seqNo, payload: nothing });
      return;
    }
    const round = this.#round;
    if (round?.seqNo === seqNo) this.#answered(round);
  }

  nack(seqNo: number): void {
    const round = this.#round;
    if (round?.seqNo === seqNo && round.nacks < round.nacksExpected) round.nacks++;
  }

  #streamAnswered(round: Round, outcome: StreamOutcome): void {
    round.stream = undefined;
    if (round !== this.#round || outcome.kind !== "message") return;
    const { message } = outcome;
    if (message.kind !== "ack" || message.seqNo !== round.seqNo) return;
    this.#node.outbox.notice({ kind: "udp-unanswered", name: round.name });
    this.#answered(round);
  }

  #answered(round: Round): void {
    this.#finish(round);
    const { counters, awareness } = this.#node;
    awareness.change(-1);
    if (round.isIndirect) counters.probesAnsweredIndirectly++;
    else counters.probesAnswered++;
  }

  #finish(round: Round): void {
    this.#round = undefined;
    if (round.stream !== undefined) this.#streams.close(round.stream);
  }

  #next(): number | undefined {
    const { table, nowMs, options } = this.#node;
    const retireBefore = nowMs - options.timing.gossipToTheDeadMs;
    // One walk to the end of the ring, and one through all of the next.
    for (let left = 2 * table.ringLength + 2; left > 0; left--) {
      const slot = table.nextInRing(retireBefore);
      if (slot !== undefined && table.isActive(slot)) return slot;
      if (slot === undefined && table.ringLength === 0) return undefined;
    }
    return undefined;
  }

  #probe(slot: number): void {
    const { table, awareness, nowMs, options, outbox, self } = this.#node;
    const { endpoint, name } = table.profileOf(slot);
    const { probeIntervalMs, probeTimeoutMs } = options.timing;
    const seqNo = this.#nextSeqNo();
    const waitMs = awareness.stretch(probeIntervalMs);
    const incarnation = table.incarnationOf(slot);
    const counts = { nacksExpected: 0, nacks: 0, isIndirect: false, stream: undefined };
    this.#round = { seqNo, slot, name, incarnation, endsMs: nowMs + waitMs, ...counts };
    const ping = encodeMessage({ kind: "ping", seqNo, node: name, source: this.#source() });
    const isSuspect = table.stateOf(slot) !== stateCodes.alive;
    const suspect = { kind: "suspect", node: name, incarnation, from: self.name } as const;
    this.#gossiper.sendAll(slot, endpoint, isSuspect ? [ping, encodeMessage(suspect)] : [ping]);
    outbox.timer("probe-timeout", probeTimeoutMs, seqNo);
    outbox.timer("probe-end", waitMs, seqNo);
  }

  #source(): Source {
    const { name, endpoint } = this.#node.self;
    return { name, ...endpoint };
  }

  #answer(asker: string, to: Endpoint, message: Ack | Nack): void {
    this.#gossiper.send(this.#node.table.find(asker), to, message);
  }

  #nextSeqNo(): number {
    this.#seqNo = (this.#seqNo + 1) % seqNoEnd;
    return this.#seqNo;
  }
}

const nothing = new Uint8Array();

/** Returns who asks, "" if it does not say so, and where to answer. */
function askerOf(source: Source | undefined, from: Endpoint): [asker: string, to: Endpoint] {
  if (source === undefined || !isAddress(source.address) || source.port === 0) return ["", from];
  const { name, address, port } = source;
  return [name, { address, port }];
}

function isAddress(address: Uint8Array): boolean {
  return address.length === 4 || address.length === 16;
}
