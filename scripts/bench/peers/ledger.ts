import { type Bench, scratchDirectory } from "../run/bench.ts";
import { startChild } from "../run/child.ts";
import { freePort } from "../run/free-port.ts";
import { appendBatchBody, paths } from "../run/requests.ts";

export interface Ledger extends AsyncDisposable {
  readonly pid: number;
  readonly ports: { readonly connect: number; readonly grpc: number };
  /** Of its HTTP listener. */
  readonly url: string;
  /** From the start of the process to its "ready" line. */
  readonly readyMs: number;
  latestSequence(contextId: string): Promise<number>;
  /** Brings a new context to this many entries. */
  fill(contextId: string, entries: number, bytesEach?: number): Promise<void>;
  metrics(): Promise<string>;
}

const fillCallsInFlight = 4;
const fillBatchBytes = 4 * 2 ** 20;
const fillBatchEntries = 1000;

/** Starts our server, on `data` or on an empty directory that is removed with it; `flags` are further ones of `serve`. */
export async function startLedger(
  bench: Bench,
  data?: string,
  flags: readonly string[] = [],
): Promise<Ledger> {
  const stack = new AsyncDisposableStack();
  const path = data ?? stack.use(await scratchDirectory(bench, "ledger")).path;
  const ports = { connect: await freePort(), grpc: await freePort() };
  const began = performance.now();
  const child = stack.use(
    startChild([
      ...[...bench.server, "serve", "--data", path],
      ...["--grpc", `127.0.0.1:${ports.grpc}`, "--http", `127.0.0.1:${ports.connect}`],
      ...flags,
    ]),
  );
  try {
    await child.line(/ready in [\d.]+ ms/);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
  const readyMs = performance.now() - began;
  const url = `http://127.0.0.1:${ports.connect}`;
  return {
    pid: child.pid,
    ports,
    url,
    readyMs,
    latestSequence: async (contextId) => await latestSequence(url, contextId),
    fill: async (contextId, entries, bytesEach) => await fillContext(url, { contextId, entries, bytesEach }),
    metrics: async () => await (await fetch(`${url}/metrics`)).text(),
    [Symbol.asyncDispose]: async () => await stack.disposeAsync(),
  };
}

async function latestSequence(url: string, contextId: string): Promise<number> {
  const answer = await fetch(`${url}${paths.get}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ contextId, limit: 1 }),
  });
  if (!answer.ok) throw new Error(`Cannot read ${contextId}: ${await answer.text()}`);
  const { latestSequence: latest } = (await answer.json()) as { latestSequence?: string };
  return Number(latest ?? 0);
}

export interface Fill {
  readonly contextId: string;
  readonly entries: number;
  readonly bytesEach: number | undefined;
}

/** Appends so many entries to a context of a server. */
export async function fillContext(url: string, { contextId, entries, bytesEach }: Fill): Promise<void> {
  const batch = Math.min(fillBatchEntries, Math.floor(fillBatchBytes / (bytesEach ?? 1)), entries);
  const body = appendBatchBody(contextId, batch, bytesEach);
  const rest = entries % batch;
  let calls = Math.floor(entries / batch);
  const worker = async () => {
    while (calls-- > 0) await post(`${url}${paths.appendBatch}`, body);
  };
  await Promise.all(Array.from({ length: fillCallsInFlight }, worker));
  if (rest > 0) await post(`${url}${paths.appendBatch}`, appendBatchBody(contextId, rest, bytesEach));
}

async function post(url: string, body: Uint8Array): Promise<void> {
  const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/proto" }, body });
  if (!answer.ok) throw new Error(`Cannot fill a context: ${answer.status} ${await answer.text()}`);
  await answer.arrayBuffer();
}
