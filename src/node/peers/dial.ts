import { connect, type Socket } from "node:net";
import { asError } from "../../core/as-error.ts";
import { parsePeerAddress } from "../../core/peer-address.ts";
import type { Endpoint } from "../../swim/endpoint.ts";
import { parseIp } from "../gossip/ip-address.ts";
import { localAddressFor } from "../gossip/local-address.ts";
import { Caller } from "./caller.ts";
import { Connection } from "./connection.ts";
import { Handshake, type HandshakeSelf } from "./handshake.ts";
import type { PeerCounters } from "./peer-counters.ts";
import type { PeerClock, PeerTiming } from "./peer-options.ts";
import { shakeHands } from "./shake-hands.ts";

export interface DialOptions {
  readonly nodeId: string;
  /** HOST:PORT. */
  readonly address: string;
  /** Where this node listens, if it does. */
  readonly local: Endpoint | undefined;
  readonly self: HandshakeSelf;
  readonly random: () => Uint8Array;
  readonly clock: PeerClock;
  readonly timing: PeerTiming;
  readonly counters: PeerCounters;
  readonly signal: AbortSignal;
}

/** Connects to a node and agrees with it. Rejects with an Error that says why not, a LedgerError if it was refused. */
export function dial(options: DialOptions): Promise<Caller> {
  const { nodeId, self, random, clock, timing, counters, signal } = options;
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      counters.dialFailures += 1;
      signal.removeEventListener("abort", onAbort);
      reject(error);
    };
    let socket: Socket;
    const onAbort = (): void => void socket.destroy();
    try {
      socket = open(options);
    } catch (error) {
      return fail(asError(error));
    }
    signal.addEventListener("abort", onAbort);
    const handshake = new Handshake("dialer", self, random(), nodeId);
    let cause: Error | undefined;
    socket.on("error", (error) => (cause = asError(error)));
    socket.write(handshake.begin());
    const onDone: Parameters<typeof shakeHands>[0]["onDone"] = (session, rest) => {
      signal.removeEventListener("abort", onAbort);
      counters.dialled += 1;
      resolve(new Caller(new Connection({ socket, session, clock, timing, counters }), rest));
    };
    const onFailed: Parameters<typeof shakeHands>[0]["onFailed"] = ({ problem, error }) => {
      // A connection that was not had is no handshake.
      if (cause === undefined) counters.refusals[problem] += 1;
      fail(cause ?? error);
    };
    shakeHands({ socket, handshake, timeoutMs: timing.handshakeMs, clock, onDone, onFailed }, undefined);
  });
}

function open({ address, local }: DialOptions): Socket {
  const target = parsePeerAddress(address);
  if (target === undefined) throw new Error(`its address ${JSON.stringify(address)} is none`);
  const ip = parseIp(target.host);
  const localAddress =
    ip === undefined || local === undefined ? undefined : localAddressFor({ address: ip, port: 0 }, local);
  const socket = connect({ ...target, ...(localAddress === undefined ? {} : { localAddress }) });
  socket.setNoDelay(true);
  return socket;
}
