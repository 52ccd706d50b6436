import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { asError } from "../../core/as-error.ts";
import { limits } from "../../core/limits.ts";
import type { Endpoint } from "../../swim/endpoint.ts";
import type { StreamId } from "../../swim/input.ts";
import { endpointOf } from "./endpoint-text.ts";
import type { GossipCounters } from "./gossip-counters.ts";
import { formatIp } from "./ip-address.ts";
import { localAddressFor } from "./local-address.ts";
import { SilentSockets } from "./silent-sockets.ts";
import { TcpStream } from "./tcp-stream.ts";

/** What happens on streams. Calls about a stream come in this order, and none after {@link TcpStreams.close} of it. */
export interface StreamEvents {
  /** Somebody has connected; `stream` is negative. */
  readonly onOpened: (stream: StreamId, from: Endpoint) => void;
  readonly onData: (stream: StreamId, bytes: Uint8Array) => void;
  /** The last call about `stream`. */
  readonly onEnded: (stream: StreamId, error: string | undefined) => void;
}

export type OnPeerConnection = (socket: Socket, first: Uint8Array, from: Endpoint) => void;

export interface TcpStreamsOptions {
  readonly local: Endpoint;
  /** Of one exchange that another node began. */
  readonly timeoutMs: number;
  readonly after: (afterMs: number, ring: () => void) => () => void;
  readonly counters: GossipCounters;
  readonly events: StreamEvents;
  /**
   * Takes connections of nodes, with what was read of them. They end with the listener, and are otherwise none of the
   * streams here. Without it they are streams like any other, that is, no sense is made of them.
   */
  readonly onPeerConnection?: OnPeerConnection | undefined;
  /** The listener is lost; called once, and not after {@link TcpStreams.stop}. */
  readonly onDied: (error: Error) => void;
}

/** No message of memberlist begins with it, and every connection between nodes does. */
export const peerConnectionByte = 0xc1;
const firstByteMs = 3000;

/** Streams that others open to an address, and streams from there to others. */
export class TcpStreams {
  readonly port: number;
  readonly #server: Server;
  readonly #options: TcpStreamsOptions;
  readonly #streams = new Map<StreamId, TcpStream>();
  readonly #sockets = new Set<Socket>();
  /** Of nodes, handed on. */
  readonly #peers = new Set<Socket>();
  readonly #silent: SilentSockets;
  #inbound = 0;
  #lastInbound = 0;
  #budgetBytes: number = limits.gossipStreamsBytesMax;
  #stopped: Promise<void> | undefined;

  /** Rejects with the system's error if the address cannot be had. */
  static async open(options: TcpStreamsOptions): Promise<TcpStreams> {
    const { address, port } = options.local;
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: formatIp(address), port, backlog: limits.gossipStreamsMax }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    return new TcpStreams(server, options);
  }

  /** `server` listens. */
  constructor(server: Server, options: TcpStreamsOptions) {
    this.#server = server;
    this.#options = options;
    this.#silent = new SilentSockets({
      countMax: limits.gossipSilentMax,
      timeoutMs: Math.min(firstByteMs, options.timeoutMs),
      after: options.after,
      onNothing: () => (options.counters.streamErrors += 1),
    });
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (socket) => this.#accept(socket));
    const died = (error: Error): void => {
      if (this.#stopped === undefined) options.onDied(error);
    };
    server.on("error", died);
    server.on("close", () => died(new Error("the TCP listener was closed by the system")));
  }

  /** Connects to `to` and sends `bytes`. `stream` is positive and new; `timeoutMs` is for all of the exchange. */
  connect(stream: StreamId, to: Endpoint, bytes: Uint8Array, timeoutMs: number): void {
    if (this.#stopped !== undefined) return;
    const { counters, events, local } = this.#options;
    counters.streamsOut += 1;
    if (this.#sockets.size - this.#inbound >= limits.gossipStreamsMax) {
      counters.streamErrors += 1;
      return events.onEnded(stream, `more than ${limits.gossipStreamsMax} streams are open`);
    }
    try {
      const localAddress = localAddressFor(to, local);
      const target = { host: formatIp(to.address), port: to.port, allowHalfOpen: true };
      const socket = connect(localAddress === undefined ? target : { ...target, localAddress });
      this.#add(stream, socket, timeoutMs).write(bytes);
    } catch (error) {
      counters.streamErrors += 1;
      events.onEnded(stream, asError(error).message);
    }
  }

  /** Bytes for streams that are gone are dropped. */
  write(stream: StreamId, bytes: Uint8Array): void {
    this.#streams.get(stream)?.write(bytes);
  }

  /** Sends what was written to `stream`, then ends it. */
  close(stream: StreamId): void {
    this.#streams.get(stream)?.close();
    this.#streams.delete(stream);
  }

  /** Cuts all streams and frees the port. Never rejects. */
  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#silent.stop();
      for (const socket of [...this.#sockets, ...this.#peers]) socket.destroy();
    });
    return this.#stopped;
  }

  #accept(socket: Socket): void {
    const { onPeerConnection } = this.#options;
    const from = endpointOf(socket.remoteAddress, socket.remotePort);
    if (from === undefined || this.#stopped !== undefined) {
      // It has been cut by the other side already if it has no address.
      socket.on("error", () => undefined);
      socket.resetAndDestroy();
      return;
    }
    if (onPeerConnection === undefined) {
      this.#open(socket, from);
      return;
    }
    this.#silent.add(socket, (first) => {
      if (first[0] !== peerConnectionByte) {
        this.#open(socket, from)?.received(first);
        return;
      }
      this.#peers.add(socket);
      socket.on("close", () => this.#peers.delete(socket));
      onPeerConnection(socket, first, from);
    });
  }

  /** Begins a stream of somebody else, unless there are too many. */
  #open(socket: Socket, from: Endpoint): TcpStream | undefined {
    const { counters, events, timeoutMs } = this.#options;
    if (this.#inbound >= limits.gossipStreamsMax) {
      counters.streamsRefused += 1;
      socket.on("error", () => undefined);
      socket.resetAndDestroy();
      return undefined;
    }
    counters.streamsIn += 1;
    this.#inbound += 1;
    socket.on("close", () => (this.#inbound -= 1));
    this.#lastInbound -= 1;
    const stream = this.#lastInbound;
    const added = this.#add(stream, socket, timeoutMs);
    events.onOpened(stream, from);
    return added;
  }

  #add(stream: StreamId, socket: Socket, timeoutMs: number): TcpStream {
    const { after, counters, events } = this.#options;
    this.#sockets.add(socket);
    const added = new TcpStream(socket, {
      timeoutMs,
      after,
      takeBudget: (bytes) => {
        if (bytes > this.#budgetBytes) return false;
        this.#budgetBytes -= bytes;
        return true;
      },
      returnBudget: (bytes) => (this.#budgetBytes += bytes),
      onData: (bytes) => {
        if (this.#stopped === undefined) events.onData(stream, bytes);
      },
      onEnded: (error) => {
        this.#streams.delete(stream);
        if (error !== undefined) counters.streamErrors += 1;
        if (this.#stopped === undefined) events.onEnded(stream, error);
      },
      onGone: () => this.#sockets.delete(socket),
    });
    this.#streams.set(stream, added);
    return added;
  }
}
