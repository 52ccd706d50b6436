import { type Bench, scratchFile } from "./bench.ts";
import { type Child, runChild, startChild } from "./child.ts";
import { firstHeaderBlock, laterHeaderBlock } from "./hpack.ts";
import { callHeaders, envelope, type Protocol } from "./protocol.ts";
import { paths } from "./requests.ts";

const warmUpMs = 500;

export interface LoadResult {
  readonly done: number;
  readonly failed: number;
  /** Streams that stopped being answered. */
  readonly silent?: number;
  readonly seconds: number;
  readonly p50_us: number;
  readonly p99_us: number;
  readonly max_us: number;
}

export interface UnaryLoad {
  readonly protocol: Protocol;
  readonly port: number;
  readonly path: string;
  /** One for each connection, in turns. */
  readonly bodies: readonly Uint8Array[];
  readonly connections: number;
  readonly streams: number;
  readonly seconds: number;
}

/** Closed-loop unary calls. Throws if any was refused. */
export async function unaryLoad(bench: Bench, load: UnaryLoad): Promise<LoadResult> {
  const framed = load.bodies.map((body) => (load.protocol === "grpc" ? envelope(body) : body));
  return await finished(bench, [
    "unary",
    ...(await heads(bench, load.protocol, "unary", load.port, load.path)),
    ...(await fileOptions(bench, "body", framed)),
    `connections=${load.connections}`,
    `streams=${load.streams}`,
    `skip=${load.protocol === "grpc" ? 5 : 0}`,
    `warm_ms=${warmUpMs}`,
    `measure_ms=${Math.round(load.seconds * 1000)}`,
  ]);
}

export interface PipeLoad {
  readonly protocol: Protocol;
  readonly port: number;
  readonly message: Uint8Array;
  readonly connections: number;
  readonly streams: number;
  /** Messages of one stream without answer. */
  readonly inFlight: number;
  readonly seconds: number;
  /** Messages per second; as fast as they are answered if absent. */
  readonly rate?: number;
  /** End after so many messages. */
  readonly total?: number;
}

/** AppendStream with messages in flight. Throws if any was refused. */
export async function pipeLoad(bench: Bench, load: PipeLoad): Promise<LoadResult> {
  const message = envelope(load.message);
  return await finished(bench, [
    "pipe",
    ...(await heads(bench, load.protocol, "stream", load.port, paths.appendStream)),
    ...(await fileOptions(bench, "body", [message])),
    `connections=${load.connections}`,
    `streams=${load.streams}`,
    `in_flight=${load.inFlight}`,
    `rate=${load.rate ?? 0}`,
    `total=${load.total ?? 0}`,
    `warm_ms=${load.total === undefined ? warmUpMs : 0}`,
    `measure_ms=${Math.round(load.seconds * 1000)}`,
  ]);
}

/** What watchers have seen so far. */
export interface WatchState {
  readonly ns: number;
  readonly deliveries: number;
  readonly disorder: number;
  /** The lowest last sequence of any watcher. */
  readonly slowest: number;
}

export interface Watchers extends AsyncDisposable {
  /** Resolves once every watcher has seen an entry. */
  begun(): Promise<void>;
  state(): Promise<WatchState>;
  /** Ends a pause. */
  read(): void;
}

export interface StreamWatch {
  readonly protocol: Protocol;
  readonly port: number;
  readonly body: Uint8Array;
  readonly connections: number;
  readonly streams: number;
}

export async function watchStreams(bench: Bench, watch: StreamWatch): Promise<Watchers> {
  return watchersOf(
    startChild([
      bench.load,
      "watch",
      ...(await heads(bench, watch.protocol, "stream", watch.port, paths.watch)),
      ...(await fileOptions(bench, "body", [envelope(watch.body)])),
      `connections=${watch.connections}`,
      `streams=${watch.streams}`,
    ]),
  );
}

export interface SseWatch {
  readonly port: number;
  readonly contextId: string;
  readonly connections: number;
  /** Read nothing until told to. */
  readonly paused?: boolean;
}

export async function watchSse(bench: Bench, watch: SseWatch): Promise<Watchers> {
  const request =
    `GET /v1/contexts/${watch.contextId}/watch?from_sequence=0 HTTP/1.1\r\n` +
    `Host: 127.0.0.1:${watch.port}\r\nAccept: text/event-stream\r\n\r\n`;
  return watchersOf(
    startChild([
      bench.load,
      "sse",
      ...(await fileOptions(bench, "request", [Buffer.from(request)])),
      `port=${watch.port}`,
      `connections=${watch.connections}`,
      `paused=${watch.paused === true ? 1 : 0}`,
    ]),
  );
}

function watchersOf(child: Child): Watchers {
  return {
    begun: async () => void (await child.line(/"begun"/)),
    state: async () => {
      child.tell("count\n");
      const [text] = await child.line(/\{"ns".*\}/);
      return JSON.parse(text) as WatchState;
    },
    read: () => child.tell("read\n"),
    [Symbol.asyncDispose]: async () => await child.stop(),
  };
}

async function finished(bench: Bench, options: readonly string[]): Promise<LoadResult> {
  const result = JSON.parse(await runChild([bench.load, ...options])) as LoadResult;
  if (result.failed > 0) throw new Error(`${result.failed} requests of the load were refused`);
  if (result.done === 0 || (result.silent ?? 0) > 0)
    throw new Error(`${result.silent ?? "all"} streams of the load are not answered any more`);
  return result;
}

async function heads(
  bench: Bench,
  protocol: Protocol,
  kind: "unary" | "stream",
  port: number,
  path: string,
): Promise<readonly string[]> {
  const headers = callHeaders(protocol, kind, port, path);
  const first = await fileOptions(bench, "first", [firstHeaderBlock(headers)]);
  const again = await fileOptions(bench, "again", [laterHeaderBlock(headers)]);
  return [...first, ...again, `port=${port}`];
}

async function fileOptions(
  bench: Bench,
  name: string,
  contents: readonly Uint8Array[],
): Promise<readonly string[]> {
  return await Promise.all(contents.map(async (bytes) => `${name}=${await scratchFile(bench, bytes)}`));
}
