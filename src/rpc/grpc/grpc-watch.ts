import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import type { CallCode, Metrics } from "../../core/metrics.ts";
import type { LedgerApi, Watching } from "../../ledger/ledger-api.ts";
import { callCode, deadlineExceeded, toConnectError } from "../connect-error.ts";
import { writeWatchFrames } from "../fast/plain-answers.ts";
import type { PlainWatch } from "../fast/plain-requests.ts";
import { controlFrame, plainWatchRequest, takesControlEvents } from "../fast/plain-watch.ts";
import { shuttingDown } from "../shutdown.ts";
import { answerError, begin, errorTrailers, isGone } from "./grpc-answer.ts";

/** Serves one watch on a gRPC stream until either side ends it. Never rejects. */
export async function watchOverGrpc(parts: {
  ledger: LedgerApi;
  metrics: Metrics;
  stream: ServerHttp2Stream;
  request: PlainWatch;
  timeoutMs: number | undefined;
}): Promise<void> {
  const { ledger, metrics, stream, request, timeoutMs } = parts;
  const startMs = performance.now();
  metrics.watcher("grpc", 1);
  let watcher: Watching | undefined;
  // A watch has no good end of its own; this is what the client is told if the connection is closed.
  let trailers: OutgoingHttpHeaders = errorTrailers(shuttingDown());
  let begun = false;
  let over = false;
  const finish = (code: CallCode): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    watcher?.close();
    metrics.watcher("grpc", -1);
    metrics.operation("Watch", "grpc", code, (performance.now() - startMs) / 1000);
  };
  const fail = (error: ConnectError): void => {
    if (over) return;
    finish(callCode(error));
    trailers = errorTrailers(error);
    if (begun) stream.end();
    else answerError(stream, error);
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => fail(deadlineExceeded()), timeoutMs);
  stream.on("close", () => finish("CANCELLED"));
  const write = (bytes: Uint8Array): boolean => !isGone(stream) && stream.write(bytes);
  const control = takesControlEvents(request)
    ? (kind: Parameters<typeof controlFrame>[0], sequence: number) => void write(controlFrame(kind, sequence))
    : () => {};
  const pending: (() => void)[] = [];
  const whenBegun = (send: () => void): void => {
    if (begun) send();
    else pending.push(send);
  };
  try {
    watcher = await ledger.watch(plainWatchRequest(request), {
      entries: (span) => write(span.encoded("frames", writeWatchFrames)),
      heartbeat: (sequence) => !begun || write(controlFrame("heartbeat", sequence)),
      caughtUp: (sequence) => whenBegun(() => control("caughtUp", sequence)),
      reset: (sequence) => whenBegun(() => control("reset", sequence)),
      ended: (error) => fail(toConnectError(error)),
    });
  } catch (error) {
    fail(toConnectError(error));
    return;
  }
  if (over || !begin(stream, () => trailers)) {
    finish("CANCELLED");
    watcher.close();
    return;
  }
  begun = true;
  for (const send of pending) send();
  stream.on("drain", () => watcher.resume());
  watcher.wake();
}
