import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { asError } from "../../core/as-error.ts";
import { limits } from "../../core/limits.ts";
import type { Endpoint } from "../../swim/endpoint.ts";
import type { StreamId } from "../../swim/input.ts";
import { endpointOf } from "./endpoint-text.ts";
import type { GossipCounters } from "./gossip-counters.ts";
import { formatIp, isWildcard } from "./ip-address.ts";
import { TcpStream } from "./tcp-stream.ts";

/** What happens on streams. Calls about a stream come in this order, and none after {@link TcpStreams.close} of it. */
export interface StreamEvents {
  /** Somebody has connected; `stream` is negative. */
  readonly onOpened: (stream: StreamId, from: Endpoint) => void;
  readonly onData: (stream: StreamId, bytes: Uint8Array) => void;
  /** The last call about `stream`. */
  readonly onEnded: (stream: StreamId, error: string | undefined) => void;
}

export interface TcpStreamsOptions {
  readonly local: Endpoint;
  /** Of one exchange that another node began. */
  readonly timeoutMs: number;
  readonly after: (afterMs: number, ring: () => void) => () => void;
  readonly counters: GossipCounters;
  readonly events: StreamEvents;
  /** The listener is lost; called once, and not after {@link TcpStreams.stop}. */
  readonly onDied: (error: Error) => void;
}

/** Streams that others open to an address, and streams from there to others. */
export class TcpStreams {
  readonly port: number;
  readonly #server: Server;
  readonly #options: TcpStreamsOptions;
  readonly #streams = new Map<StreamId, TcpStream>();
  readonly #sockets = new Set<Socket>();
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
      for (const socket of this.#sockets) socket.destroy();
    });
    return this.#stopped;
  }

  #accept(socket: Socket): void {
    const { counters, events, timeoutMs } = this.#options;
    const from = endpointOf(socket.remoteAddress, socket.remotePort);
    if (from === undefined || this.#stopped !== undefined || this.#inbound >= limits.gossipStreamsMax) {
      // It has been cut by the other side already if it has no address.
      if (from !== undefined) counters.streamsRefused += 1;
      socket.on("error", () => undefined);
      socket.resetAndDestroy();
      return;
    }
    counters.streamsIn += 1;
    this.#inbound += 1;
    socket.on("close", () => (this.#inbound -= 1));
    this.#lastInbound -= 1;
    const stream = this.#lastInbound;
    this.#add(stream, socket, timeoutMs);
    events.onOpened(stream, from);
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

/** Others see a node that listens on one address come from there. */
function localAddressFor(to: Endpoint, local: Endpoint): string | undefined {
  const isOne = !isWildcard(local.address) && local.address.length === to.address.length;
  return isOne ? formatIp(local.address) : undefined;
}
