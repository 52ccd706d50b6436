import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { asError } from "../../core/as-error.ts";
import { assert } from "../../core/assert.ts";
import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import type { Log } from "../../core/log.ts";
import { peerProtocol, type VersionRange } from "../../core/peer-protocol.ts";
import type { PeerCallKind, PeerCalls } from "../../sync/peer-messages.ts";
import type { CallOptions, PeerHandlers, Peers, PeerStreamKind } from "./peers.ts";
import type { Endpoint } from "../../swim/endpoint.ts";
import type { Keyring } from "../../swim/wire/keyring.ts";
import { gossipKeyId } from "../gossip/key-holder.ts";
import { StallClock } from "../gossip/stall-clock.ts";
import { Timers } from "../gossip/timers.ts";
import { Acceptor } from "./acceptor.ts";
import { callNumbers, readAnswer, streamNumbers, writeRequest } from "./codec.ts";
import { dial } from "./dial.ts";
import type { HandshakeSelf } from "./handshake.ts";
import { OutCall } from "./out-call.ts";
import { OutStream } from "./out-stream.ts";
import { countOutcome, createPeerCounters } from "./peer-counters.ts";
import { busy, messageTooLarge } from "./peer-error.ts";
import { PeerLink } from "./peer-link.ts";
import { type PeerClock, peerTiming, type PeerTiming } from "./peer-options.ts";

export interface PeerNetworkOptions {
  /** This node. */
  readonly nodeId: string;
  readonly gossipLabel: string;
  /** The gossip keys as they are now. */
  readonly ring: () => Keyring;
  /** Returns HOST:PORT of a node's gossip; undefined if nobody knows it. */
  readonly addressOf: (nodeId: string) => string | undefined;
  /** Where the gossip of this node listens: others are called from there. */
  readonly local?: () => Endpoint | undefined;
  readonly log: Log;
  readonly versions?: VersionRange;
  readonly timing?: Partial<PeerTiming>;
  readonly clock?: PeerClock;
  /** From 0 to below 1. */
  readonly random?: () => number;
}

/** The connections of this node with others, over the TCP port of gossip: it dials those it asks, and is dialled by those that ask it. */
export class PeerNetwork implements Peers {
  readonly counters = createPeerCounters();
  readonly #options: PeerNetworkOptions;
  readonly #timing: PeerTiming;
  readonly #timers: Timers;
  readonly #clock: PeerClock;
  readonly #acceptor: Acceptor;
  readonly #links = new Map<string, PeerLink>();
  #handlers: PeerHandlers | undefined;
  #isStopped = false;

  /** Nothing happens until somebody calls, or is called. */
  constructor(options: PeerNetworkOptions) {
    this.#options = options;
    this.#timing = { ...peerTiming, ...options.timing };
    // What a stopped process has not heard is no silence of others.
    const stallClock = new StallClock(() => performance.now());
    this.#timers = new Timers(stallClock);
    this.#clock = options.clock ?? {
      nowMs: () => stallClock.nowMs(),
      after: (afterMs, ring) => this.#timers.after(afterMs, ring),
    };
    this.#acceptor = new Acceptor({
      self: () => this.#self(),
      handlers: () => this.#handlers,
      random: freshRandom,
      clock: this.#clock,
      timing: this.#timing,
      counters: this.counters,
      log: options.log,
    });
  }

  /** How many connections there are: to others, and of others. */
  get connections(): { readonly out: number; readonly in: number } {
    const connected = [...this.#links.values()].filter(({ isConnected }) => isConnected);
    return { out: connected.length, in: this.#acceptor.connections };
  }

  /** Why a node is not reached; undefined if it is, or nobody has asked it lately. */
  failureOf(nodeId: string): Error | undefined {
    return this.#links.get(nodeId)?.failure;
  }

  /** What is done for others. Until it is set they are answered UNAVAILABLE PEER_STARTING. */
  setHandlers(handlers: PeerHandlers | undefined): void {
    this.#handlers = handlers;
  }

  /** Takes a connection to the port of gossip that begins as those of nodes do; `first` was read from it. */
  accept(socket: Socket, first: Uint8Array, from: Endpoint): void {
    this.#acceptor.accept(socket, first, from);
  }

  /** A node has come (back), or is somewhere else now: if it is sought, it is tried at once. */
  peerChanged(nodeId: string): void {
    this.#links.get(nodeId)?.retry();
  }

  /** Moves connections to the key that is used now, and cuts those whose key is not in the ring any more. */
  keysChanged(): void {
    const ids = this.#options.ring().keys.map(gossipKeyId);
    const isKnown = (keyId: string | undefined): boolean =>
      keyId === undefined ? ids.length === 0 : ids.includes(keyId);
    this.#acceptor.renew(isKnown);
    for (const link of this.#links.values()) link.renew(ids[0], isKnown);
  }

  /** Cuts everything. Calls under way fail with PEER_UNREACHABLE, as those that are made later. */
  stop(): void {
    this.#isStopped = true;
    this.#acceptor.stop();
    for (const link of this.#links.values()) link.stop();
    this.#timers.close();
  }

  async call<Kind extends PeerCallKind>(
    nodeId: string,
    kind: Kind,
    request: PeerCalls[Kind]["request"],
    options: CallOptions,
  ): Promise<PeerCalls[Kind]["answer"]> {
    const count = (error?: LedgerError): void => countOutcome(this.counters.asked, kind, error?.code ?? "OK");
    try {
      const body = writeRequest(kind, request);
      if (body.length > limits.peerMessageBytesMax) throw messageTooLarge(body.length);
      const answer = readAnswer(kind, await this.#send(nodeId, callNumbers[kind], body, options));
      count();
      return answer;
    } catch (error) {
      if (error instanceof LedgerError) count(error);
      throw error;
    }
  }

  async *open(
    nodeId: string,
    kind: PeerStreamKind,
    body: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void> {
    const link = this.#linkOf(nodeId);
    if (body.length > limits.peerItemBytesMax) throw messageTooLarge(body.length, limits.peerItemBytesMax);
    if (!link.streams.take(body.length)) throw busy(nodeId, "too many streams of this node are open there");
    const stream = new OutStream(streamNumbers[kind], body, signal);
    let code: Parameters<typeof countOutcome>[2] = "CANCELLED";
    try {
      this.#begin(link, stream);
      for (;;) {
        const item = await stream.next();
        if (item === undefined) break;
        yield item;
      }
      code = "OK";
    } catch (error) {
      code = error instanceof LedgerError ? error.code : "UNKNOWN";
      throw error;
    } finally {
      stream.close();
      link.streams.give(body.length);
      countOutcome(this.counters.asked, kind, code);
    }
  }

  #send(nodeId: string, kind: number, body: Uint8Array, options: CallOptions): Promise<Uint8Array> {
    const link = this.#linkOf(nodeId);
    if (!link.calls.take(body.length)) throw busy(nodeId, "too many calls of this node are under way there");
    const { timeoutMs, signal } = options;
    const onSettled = (): void => link.calls.give(body.length);
    const call = new OutCall({ kind, body, timeoutMs, signal, clock: this.#clock, onSettled });
    this.#begin(link, call);
    return call.promise;
  }

  /** Sends it now, or when there is a connection. */
  #begin(link: PeerLink, asked: OutCall | OutStream): void {
    try {
      const connection = link.connection();
      if (!(connection instanceof Promise)) return asked.sendBy(connection);
      connection.then(
        (caller) => asked.sendBy(caller),
        (error: unknown) => asked.failed(asLedgerError(error)),
      );
    } catch (error) {
      asked.failed(asLedgerError(error));
    }
  }

  #linkOf(nodeId: string): PeerLink {
    assert(nodeId !== this.#options.nodeId, "a node does not ask itself");
    const known = this.#links.get(nodeId);
    if (known !== undefined) return known;
    const link = this.#newLink(nodeId);
    if (this.#isStopped) link.stop();
    else this.#links.set(nodeId, link);
    return link;
  }

  #newLink(nodeId: string): PeerLink {
    const { log, random = Math.random } = this.#options;
    const [clock, timing, counters] = [this.#clock, this.#timing, this.counters];
    return new PeerLink({
      nodeId,
      dial: (signal) => {
        const address = this.#options.addressOf(nodeId);
        if (address === undefined) return undefined;
        const [self, local] = [this.#self(), this.#options.local?.()];
        return dial({ nodeId, address, local, self, random: freshRandom, clock, timing, counters, signal });
      },
      clock,
      timing,
      random,
      onTrouble: (error) => {
        if (error === undefined) log.info("another node is reached again", { nodeId });
        else log.warn("another node is not reached", { nodeId, error });
      },
      onSilent: () => (counters.silences += 1),
      onIdle: () => this.#links.delete(nodeId),
    });
  }

  #self(): HandshakeSelf {
    const { nodeId, gossipLabel: label, ring, versions = peerProtocol } = this.#options;
    return { nodeId, versions, label, ring: ring() };
  }
}

function freshRandom(): Uint8Array {
  return new Uint8Array(randomBytes(32));
}

function asLedgerError(error: unknown): LedgerError {
  if (error instanceof LedgerError) return error;
  throw asError(error);
}
