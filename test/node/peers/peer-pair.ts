import { afterEach } from "bun:test";
import type { LedgerError } from "../../../src/core/errors.ts";
import type { Log } from "../../../src/core/log.ts";
import { createGossipCounters } from "../../../src/node/gossip/gossip-counters.ts";
import { StallClock } from "../../../src/node/gossip/stall-clock.ts";
import { TcpStreams } from "../../../src/node/gossip/tcp-streams.ts";
import { Timers } from "../../../src/node/gossip/timers.ts";
import { PeerNetwork, type PeerNetworkOptions } from "../../../src/node/peers/peer-network.ts";
import type { PeerHandlers } from "../../../src/node/peers/peers.ts";
import { keyringOf } from "../../../src/swim/wire/keyring.ts";
import { endpoint } from "../gossip/loopback.ts";

/** A node of a test: its connections, and the port that it shares with gossip. */
export interface TestNode {
  readonly id: string;
  readonly host: string;
  readonly network: PeerNetwork;
  /** HOST:PORT; changes when the listener comes back somewhere else. */
  address: () => string;
  tcp: TcpStreams;
  /** Loses the listener and everything that came in by it. */
  readonly closeListener: () => Promise<void>;
  /** Listens again, at the same port. */
  readonly openListener: () => Promise<void>;
  /** What it has logged. */
  readonly lines: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[];
}

export interface TestNodeOptions extends Partial<Omit<PeerNetworkOptions, "nodeId" | "ring" | "log">> {
  readonly key?: Uint8Array | undefined;
  readonly ring?: PeerNetworkOptions["ring"];
  readonly handlers?: PeerHandlers;
}

export const testKey = new Uint8Array(32).fill(7);
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  await Promise.all(closing.splice(0).map(async (close) => await close()));
});

/** Has `close` called after the test. */
export function closeLater(close: () => Promise<void> | void): void {
  closing.push(close);
}

export function nodeId(number: number): string {
  return number.toString(16).padStart(32, "0");
}

const known = new Map<string, TestNode>();

/** Starts node `number` at 127.0.0.`number`, which knows all others that are started, and closes it after the test. */
export async function startNode(number: number, options: TestNodeOptions = {}): Promise<TestNode> {
  const { key = testKey, handlers, ring, ...rest } = options;
  const id = nodeId(number);
  const host = `127.0.0.${number}`;
  const lines: TestNode["lines"] = [];
  const timers = new Timers(new StallClock(() => performance.now()));
  const keyring = keyringOf("key" in options && options.key === undefined ? [] : [key]);
  const network = new PeerNetwork({
    nodeId: id,
    gossipLabel: "test",
    ring: ring ?? (() => keyring),
    addressOf: (other) => known.get(other)?.address(),
    local: () => endpoint(host, 0),
    log: recordingLog(lines),
    ...rest,
  });
  if (handlers !== undefined) network.setHandlers(handlers);
  const listen = (port: number): Promise<TcpStreams> =>
    TcpStreams.open({
      local: endpoint(host, port),
      timeoutMs: 5000,
      after: (afterMs, ring) => timers.after(afterMs, ring),
      counters: createGossipCounters(),
      events: { onOpened: () => undefined, onData: () => undefined, onEnded: () => undefined },
      onPeerConnection: (socket, first, from) => network.accept(socket, first, from),
      onDied: () => undefined,
    });
  const node: TestNode = {
    id,
    host,
    network,
    tcp: await listen(0),
    address: () => `${host}:${node.tcp.port}`,
    closeListener: () => node.tcp.stop(),
    openListener: async () => {
      node.tcp = await listen(node.tcp.port);
    },
    lines,
  };
  known.set(id, node);
  closeLater(async () => {
    known.delete(id);
    network.stop();
    await node.tcp.stop();
    timers.close();
  });
  return node;
}

/** Handlers that refuse everything but what is given. */
export function handlersOf(
  calls: Partial<Record<string, (request: never, signal: AbortSignal, from: string) => unknown>>,
  open?: PeerHandlers["open"],
): PeerHandlers {
  return {
    call: async (from, kind, request, signal) => {
      const handler = calls[kind];
      if (handler === undefined) throw new Error(`no handler for ${kind}`);
      return (await handler(request as never, signal, from)) as never;
    },
    open:
      open ??
      (() => {
        throw new Error("no streams here");
      }),
  };
}

/** Returns what `promise` rejects with. */
export async function failure(promise: Promise<unknown>): Promise<LedgerError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof Error)) throw new Error("it has not failed");
  return outcome as LedgerError;
}

function recordingLog(lines: TestNode["lines"]): Log {
  const add = (message: string, fields = {}): void => void lines.push({ message, fields });
  const log: Log = { debug: add, info: add, warn: add, error: add, child: () => log, isEnabled: () => true };
  return log;
}
