import http2 from "node:http2";
import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import type { Log } from "../../src/core/log.ts";
import type { LedgerApi } from "../../src/ledger/ledger-api.ts";
import type { Cluster } from "../../src/rpc/cluster.ts";
import type { Groups } from "../../src/rpc/groups.ts";
import type { ReplicationView } from "../../src/rpc/replication-view.ts";
import { aloneCluster } from "../../src/server/alone-cluster.ts";
import { aloneReplication } from "../../src/server/alone-replication.ts";
import { LocalGroups } from "../../src/server/local-groups.ts";
import type { CallCode, Metrics, Operation, Protocol } from "../../src/core/metrics.ts";
import { startGrpcListener } from "../../src/rpc/grpc/listener.ts";
import { startHttpListener } from "../../src/rpc/http/listener.ts";
import type { Check } from "../../src/rpc/readiness.ts";
import { BodyBudget } from "../../src/rpc/incoming/body-budget.ts";
import { createRpcHandlers } from "../../src/rpc/router.ts";
import { hostCheck } from "../../src/server/host-check.ts";
import { ledgerWorld, type LedgerWorld, seededRandom } from "./ledger-world.ts";

/** A ledger with both of its listeners, on ports of their own. */
export interface Listening extends LedgerWorld, AsyncDisposable {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** What was counted, in order. */
  readonly calls: [Operation, Protocol, CallCode][];
  /** Watches that have begun and not ended, by protocol. */
  readonly watching: Map<Protocol, number>;
  /** Errors that were logged as such. */
  readonly failures: string[];
  /** How many calls took the general path. */
  readonly general: { calls: number };
  /** What readiness says; may be changed. */
  readonly checks: Check[];
  /** Calls back those who wait for a change of readiness. */
  changed(): void;
}

const alone = aloneCluster({ self: () => ({ name: "n-1", tags: {} }), sinceMs: 0, hasOthers: () => false });

/** Starts both listeners over a new ledger; the same seed gives the same ids. */
export async function startListeners(
  options: {
    seed?: number;
    corsOrigins?: string[];
    allowHost?: string[];
    cluster?: Cluster;
    /** Answers in the place of the new ledger. */
    answering?: LedgerApi;
    replication?: ReplicationView;
    groups?: Groups;
  } = {},
): Promise<Listening> {
  const { seed = 1, corsOrigins = [], allowHost = [], cluster = alone } = options;
  const world = ledgerWorld({ random: seededRandom(seed) });
  const calls: Listening["calls"] = [];
  const watching: Listening["watching"] = new Map();
  const failures: string[] = [];
  const general = { calls: 0 };
  const checks: Check[] = [{ name: "storage", ok: true }];
  const listeners = new Set<() => void>();
  const metrics: Metrics = {
    operation: (operation, protocol, code) => void calls.push([operation, protocol, code]),
    commit: () => {},
    watcher: (protocol, change) => void watching.set(protocol, (watching.get(protocol) ?? 0) + change),
    childRestarted: () => {},
  };
  const readiness = {
    checks: () => checks,
    verbose: () => ({ checks }),
    subscribe(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const budget = new BodyBudget();
  const shutdown = { draining: new AbortController().signal, over: new AbortController().signal };
  const ledger = options.answering ?? world.ledger;
  const { replication = aloneReplication(world.ledger, cluster) } = options;
  const watchersOf = (contextId: string): number => world.ledger.watchersOf(contextId);
  const { groups = new LocalGroups({ cluster, clock: world.clock, watchersOf }) } = options;
  const discovery = { groups, clock: world.clock, random: seededRandom(seed + 1) };
  const parts = { ledger, cluster, replication, discovery, metrics, readiness, shutdown, budget };
  const handlers = counted(createRpcHandlers(parts), general);
  const host = "127.0.0.1";
  const isHostAllowed = hostCheck(host, allowHost);
  const common = {
    ledger,
    metrics,
    handlers,
    tls: undefined,
    log: quietLog(failures),
    host,
    port: 0,
    isHostAllowed,
    shutdown,
    budget,
  };
  const grpc = await startGrpcListener(common);
  const http = startHttpListener({
    ...common,
    readiness,
    heartbeatMs: 1000,
    corsOrigins,
    renderMetrics: async () => "metrics\n",
    metricsContentType: "text/plain",
  });
  return {
    ...world,
    grpcPort: grpc.port,
    httpPort: http.port,
    calls,
    watching,
    failures,
    general,
    checks,
    changed: () => {
      for (const listener of [...listeners]) listener();
    },
    async [Symbol.asyncDispose]() {
      world.store.release();
      await Promise.all([grpc.stop(0), http.stop(0)]);
    },
  };
}

function counted(
  handlers: ReadonlyMap<string, UniversalHandlerFn>,
  general: { calls: number },
): ReadonlyMap<string, UniversalHandlerFn> {
  return new Map(
    [...handlers].map(([path, handler]) => {
      const counting = (request: Parameters<UniversalHandlerFn>[0]): ReturnType<UniversalHandlerFn> => {
        general.calls += 1;
        return handler(request);
      };
      return [path, Object.assign(counting, handler)];
    }),
  );
}

function quietLog(failures: string[]): Log {
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: (message) => void failures.push(message),
    error: (message) => void failures.push(message),
    child: () => log,
    isEnabled: () => true,
  };
  return log;
}

/** What a client got. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly trailers: Readonly<Record<string, string>>;
}

export interface Call {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly method?: string;
  /** Ends the call once the body is as it says; otherwise the server ends it. */
  readonly enough?: (body: Buffer) => boolean;
}

const never = (): boolean => false;

/** Calls over HTTP/1.1, without unpacking anything. */
export async function callHttp(port: number, call: Call): Promise<Reply> {
  const { path, headers = {}, body, method = "POST", enough = never } = call;
  const abort = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { "accept-encoding": "identity", ...headers },
    ...(body === undefined ? {} : { body: Uint8Array.from(body) }),
    decompress: false,
    redirect: "manual",
    signal: abort.signal,
  });
  const chunks: Uint8Array[] = [];
  const reader = response.body?.getReader();
  while (reader !== undefined && !enough(Buffer.concat(chunks))) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
  }
  await reader?.cancel();
  abort.abort();
  const { date: _date, ...rest } = Object.fromEntries(response.headers);
  return { status: response.status, headers: rest, body: Buffer.concat(chunks), trailers: {} };
}

/** Calls over HTTP/2 with prior knowledge. */
export async function callHttp2(port: number, call: Call): Promise<Reply> {
  const { path, headers = {}, body, method = "POST", enough = never } = call;
  const session = http2.connect(`http://127.0.0.1:${port}`);
  try {
    return await new Promise<Reply>((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({ ":method": method, ":path": path, ...headers });
      const chunks: Buffer[] = [];
      let answer: http2.IncomingHttpHeaders = {};
      let trailers: http2.IncomingHttpHeaders = {};
      const done = (): void => {
        const { ":status": status, date: _date, ...rest } = answer;
        resolve({
          status: Number(status),
          headers: texts(rest),
          body: Buffer.concat(chunks),
          trailers: texts(trailers),
        });
      };
      stream.on("response", (got) => (answer = got));
      stream.on("trailers", (got) => (trailers = got));
      stream.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        if (!enough(Buffer.concat(chunks))) return;
        stream.close(http2.constants.NGHTTP2_CANCEL);
        done();
      });
      stream.on("error", reject);
      stream.on("close", done);
      stream.end(body);
    });
  } finally {
    session.close();
  }
}

function texts(headers: http2.IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

/** Returns a message as a gRPC or Connect frame. */
export function frame(message: Uint8Array, flags = 0, length = message.length): Buffer {
  const header = Buffer.alloc(5);
  header[0] = flags;
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, message]);
}

/** Returns the messages of the whole frames in a body, with their flags. */
export function framesOf(body: Buffer): { readonly flags: number; readonly message: Buffer }[] {
  const frames = [];
  for (let at = 0; at + 5 <= body.length;) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    if (end > body.length) break;
    frames.push({ flags: body[at] ?? 0, message: body.subarray(at + 5, end) });
    at = end;
  }
  return frames;
}
