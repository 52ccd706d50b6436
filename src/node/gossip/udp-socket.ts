import { createSocket, type Socket } from "node:dgram";
import { assert } from "../../core/assert.ts";
import { limits } from "../../core/limits.ts";
import type { Endpoint } from "../../swim/endpoint.ts";
import { endpointOf } from "./endpoint-text.ts";
import type { GossipCounters } from "./gossip-counters.ts";
import { formatIp } from "./ip-address.ts";

/** What is asked of the system first: 3,000 packets of full size; it may give less. */
const receiveBufferBytes = [4 << 20, 1 << 20];
/** Times a packet is given to the system after it was refused. */
const retriesMax = 2;

export interface UdpSocketOptions {
  readonly local: Endpoint;
  readonly counters: GossipCounters;
  /** `bytes` belong to the receiver. */
  readonly onPacket: (from: Endpoint, bytes: Uint8Array) => void;
  /** The socket is lost; called once, and not after {@link UdpSocket.close}. */
  readonly onDied: (error: Error) => void;
}

/**
 * Packets out and in. Nothing that happens to a packet is an error of the socket.
 *
 * The system tells the fate of a packet that nobody received when the *next* one is sent, which may go to somebody else
 * and then is not sent. So a packet that is refused is sent again, twice at most.
 */
export class UdpSocket {
  readonly port: number;
  readonly #socket: Socket;
  readonly #isIpv6: boolean;
  readonly #counters: GossipCounters;
  #unsent = 0;
  #closed: Promise<void> | undefined;

  /** Rejects with the system's error if the address cannot be had. */
  static async open(options: UdpSocketOptions): Promise<UdpSocket> {
    const { address, port } = options.local;
    const isIpv6 = address.length === 16;
    const type = isIpv6 ? "udp6" : "udp4";
    // Addresses need no lookup; the usual one would take a turn of a thread for each packet.
    const socket = createSocket({ type, lookup: (host, _, done) => done(null, host, isIpv6 ? 6 : 4) });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", (error) => {
        socket.close();
        reject(error);
      });
      socket.bind({ address: formatIp(address), port, exclusive: true }, () => {
        socket.removeAllListeners("error");
        resolve();
      });
    });
    return new UdpSocket(socket, options);
  }

  /** `socket` is bound. */
  constructor(socket: Socket, options: UdpSocketOptions) {
    this.#socket = socket;
    this.#isIpv6 = options.local.address.length === 16;
    this.#counters = options.counters;
    this.port = socket.address().port;
    enlargeReceiveBuffer(socket);
    socket.on("message", (message, { address, port }) => {
      const from = endpointOf(address, port);
      if (from === undefined || this.#closed !== undefined) return;
      this.#counters.packetsIn += 1;
      this.#counters.bytesIn += message.length;
      options.onPacket(from, new Uint8Array(message));
    });
    // Fates of packets; the socket goes on.
    socket.on("error", () => (this.#counters.sendErrors += 1));
    socket.on("close", () => {
      if (this.#closed === undefined) options.onDied(new Error("the UDP socket was closed by the system"));
    });
  }

  /** What the system says it has room for; it counts more than the bytes of the packets. */
  get receiveBufferBytes(): number {
    return this.#socket.getRecvBufferSize();
  }

  /** Never throws: packets may be lost. `bytes` must not change any more. */
  send(to: Endpoint, bytes: Uint8Array): void {
    if (this.#closed !== undefined) return;
    const isPossible = to.port > 0 && (this.#isIpv6 || to.address.length === 4);
    if (!isPossible || this.#unsent >= limits.gossipPacketsUnsentMax) {
      this.#counters.sendErrors += 1;
      return;
    }
    const isMapped = this.#isIpv6 && to.address.length === 4;
    this.#unsent += 1;
    this.#attempt(bytes, to.port, `${isMapped ? "::ffff:" : ""}${formatIp(to.address)}`, retriesMax);
  }

  /** Frees the port. Never rejects. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      try {
        this.#socket.close(() => resolve());
      } catch {
        // The system was faster.
        resolve();
      }
    });
    return this.#closed;
  }

  #attempt(bytes: Uint8Array, port: number, address: string, retries: number): void {
    try {
      this.#socket.send(bytes, port, address, (error) => {
        if (error !== null && retries > 0 && this.#closed === undefined) {
          this.#attempt(bytes, port, address, retries - 1);
        } else this.#sent(bytes, error === null);
      });
    } catch {
      this.#sent(bytes, false);
    }
  }

  #sent(bytes: Uint8Array, isSent: boolean): void {
    this.#unsent -= 1;
    assert(this.#unsent >= 0, "a packet is sent once");
    if (isSent) {
      this.#counters.packetsOut += 1;
      this.#counters.bytesOut += bytes.length;
    } else this.#counters.sendErrors += 1;
  }
}

function enlargeReceiveBuffer(socket: Socket): void {
  for (const bytes of receiveBufferBytes) {
    try {
      socket.setRecvBufferSize(bytes);
      return;
    } catch {
      // Some systems refuse what others cut; the default does for a quiet network.
    }
  }
}
