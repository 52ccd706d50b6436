import type { Socket } from "node:net";
import { limits } from "../../core/limits.ts";
import type { Log } from "../../core/log.ts";
import type { PeerHandlers } from "./peers.ts";
import type { Endpoint } from "../../swim/endpoint.ts";
import { formatIp } from "../gossip/ip-address.ts";
import { Allowance } from "./allowance.ts";
import { Callee } from "./callee.ts";
import { Connection, type Ending } from "./connection.ts";
import { Handshake, type HandshakeFailure, type HandshakeSelf, type Session } from "./handshake.ts";
import { encodeRefusal } from "./hello.ts";
import type { PeerCounters } from "./peer-counters.ts";
import type { PeerClock, PeerTiming } from "./peer-options.ts";
import { shakeHands } from "./shake-hands.ts";

export interface AcceptorOptions {
  readonly self: () => HandshakeSelf;
  readonly handlers: () => PeerHandlers | undefined;
  readonly random: () => Uint8Array;
  readonly clock: PeerClock;
  readonly timing: PeerTiming;
  readonly counters: PeerCounters;
  readonly log: Log;
}

/** One other node that asks this one, through all its connections. */
interface Asking {
  readonly calls: Allowance;
  readonly streams: Allowance;
  /** The oldest first. */
  readonly connections: Connection[];
}

/** How often the log says the same about strangers. */
const logMs = 60_000;
const lingerMs = 500;

/** Connections of other nodes, from their first byte on. Strangers have bounded room and time to prove that they are none. */
export class Acceptor {
  readonly #options: AcceptorOptions;
  /** Sockets in a handshake, by address. */
  readonly #shaking = new Map<string, Set<Socket>>();
  #shakingCount = 0;
  readonly #nodes = new Map<string, Asking>();
  #connections = 0;
  readonly #all = new Allowance({ count: Number.POSITIVE_INFINITY, bytes: limits.peerInboundBytesMax });
  readonly #loggedMs = new Map<string, number>();
  #isStopped = false;

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /** Connections of other nodes that are agreed on. */
  get connections(): number {
    return this.#connections;
  }

  /** Takes a connection of which `first` was read. Whatever it is, it is ended if it is of no use. */
  accept(socket: Socket, first: Uint8Array, from: Endpoint): void {
    const { self, random, clock, timing, counters } = this.#options;
    const address = formatIp(from.address);
    const sockets = this.#shaking.get(address) ?? new Set();
    const isFull =
      this.#shakingCount >= limits.peerHandshakesMax || sockets.size >= limits.peerHandshakesPerAddressMax;
    if (this.#isStopped || isFull) {
      if (isFull) counters.refusals.busy += 1;
      socket.on("error", () => undefined);
      socket.resetAndDestroy();
      return;
    }
    if (this.#connections >= limits.peerConnectionsMax) return this.#sendAway(socket);
    socket.setNoDelay(true);
    this.#shaking.set(address, sockets.add(socket));
    this.#shakingCount += 1;
    const over = (): void => {
      this.#shakingCount -= 1;
      sockets.delete(socket);
      if (sockets.size === 0) this.#shaking.delete(address);
    };
    const handshake = new Handshake("acceptor", self(), random());
    const onDone = (session: Session, rest: Uint8Array): void => {
      over();
      this.#add(new Connection({ socket, session, clock, timing, counters }), rest);
    };
    const onFailed = (failure: HandshakeFailure): void => {
      over();
      counters.refusals[failure.problem] += 1;
      this.#write(failure, address);
    };
    shakeHands({ socket, handshake, timeoutMs: timing.handshakeMs, clock, onDone, onFailed }, first);
  }

  /** Cuts the connections whose key is not known any more. */
  renew(isKnown: (keyId: string | undefined) => boolean): void {
    this.#endAll("its gossip key was removed", ({ session }) => !isKnown(session.keyId));
  }

  /** Cuts everything, and takes nothing any more. */
  stop(): void {
    this.#isStopped = true;
    for (const sockets of this.#shaking.values()) for (const socket of sockets) socket.destroy();
    this.#endAll("the other node stops", () => true);
  }

  #add(connection: Connection, rest: Uint8Array): void {
    const { nodeId } = connection.session;
    const { handlers, clock, counters, log, self } = this.#options;
    const asking = this.#nodes.get(nodeId) ?? this.#newAsking();
    this.#nodes.set(nodeId, asking);
    // A node that comes a third time has lost one that this side still takes for alive.
    if (asking.connections.length >= limits.peerConnectionsPerNodeMax)
      asking.connections[0]?.end({ kind: "closed", text: "the node has newer connections" });
    this.#connections += 1;
    counters.accepted += 1;
    asking.connections.push(connection);
    const options = { connection, nodeId: self().nodeId, handlers, allowances: asking, clock, counters, log };
    const onEnded = (ending: Ending): void => {
      this.#connections -= 1;
      asking.connections.splice(asking.connections.indexOf(connection), 1);
      if (ending.kind === "silent") counters.silences += 1;
      this.#forget(nodeId);
    };
    new Callee({ ...options, onEnded, onIdle: () => this.#forget(nodeId) }).start(rest);
  }

  #newAsking(): Asking {
    const calls = { count: limits.peerCallsMax, bytes: limits.peerBytesMax };
    const streams = { count: limits.peerStreamsMax, bytes: limits.peerBytesMax };
    return {
      calls: new Allowance(calls, this.#all),
      streams: new Allowance(streams, this.#all),
      connections: [],
    };
  }

  /** A node may come back while handlers still have calls of its last connection. */
  #forget(nodeId: string): void {
    const asking = this.#nodes.get(nodeId);
    if (asking === undefined || asking.connections.length > 0) return;
    if (asking.calls.count === 0 && asking.streams.count === 0) this.#nodes.delete(nodeId);
  }

  #endAll(text: string, matches: (connection: Connection) => boolean): void {
    const all = [...this.#nodes.values()].flatMap(({ connections }) => connections);
    for (const connection of all) if (matches(connection)) connection.end({ kind: "closed", text });
  }

  #sendAway(socket: Socket): void {
    const { counters, clock, self } = this.#options;
    counters.refusals.busy += 1;
    socket.on("error", () => undefined);
    socket.on("data", () => undefined);
    socket.end(encodeRefusal({ why: "busy", versions: self().versions }));
    clock.after(lingerMs, () => socket.destroy());
  }

  #write({ problem, error }: HandshakeFailure, address: string): void {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - (this.#loggedMs.get(problem) ?? Number.NEGATIVE_INFINITY) < logMs) return;
    this.#loggedMs.set(problem, nowMs);
    this.#options.log.warn("a connection of another node was refused", { address, problem, error });
  }
}
