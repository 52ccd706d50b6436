import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import type { CallCode, Metrics } from "../../core/metrics.ts";
import type { LedgerApi } from "../../ledger/ledger-api.ts";
import { callCode, deadlineExceeded } from "../connect-error.ts";
import { AppendPipe } from "../fast/append-pipe.ts";
import type { BodyBudget } from "../incoming/body-budget.ts";
import { type Shutdown, shuttingDown } from "../shutdown.ts";
import { begin, errorTrailers, isGone } from "./grpc-answer.ts";

/** Serves one AppendStream on a gRPC stream until either side ends it. */
export function appendStreamOverGrpc(parts: {
  ledger: LedgerApi;
  metrics: Metrics;
  stream: ServerHttp2Stream;
  timeoutMs: number | undefined;
  shutdown: Shutdown;
  budget: BodyBudget;
}): void {
  const { ledger, metrics, stream, timeoutMs, shutdown, budget } = parts;
  const startMs = performance.now();
  // What the client is told if the connection is closed in the middle.
  let trailers: OutgoingHttpHeaders = errorTrailers(shuttingDown());
  let over = false;
  const finish = (code: CallCode): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    shutdown.draining.removeEventListener("abort", drain);
    shutdown.over.removeEventListener("abort", cut);
    pipe.abandon();
    metrics.operation("AppendStream", "grpc", code, (performance.now() - startMs) / 1000);
  };
  const end = (error: ConnectError | undefined): void => {
    if (over) return;
    finish(callCode(error));
    trailers = error === undefined ? { "grpc-status": "0" } : errorTrailers(error);
    stream.end();
  };
  const pipe = new AppendPipe(ledger, budget, {
    write: (frames) => !isGone(stream) && stream.write(frames),
    pause: (paused) => void (paused ? stream.pause() : stream.resume()),
    finished: end,
  });
  const drain = (): void => pipe.close(shuttingDown());
  const cut = (): void => end(shuttingDown());
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => end(deadlineExceeded()), timeoutMs);
  stream.on("close", () => finish("CANCELLED"));
  if (!begin(stream, () => trailers)) return finish("CANCELLED");
  shutdown.draining.addEventListener("abort", drain);
  shutdown.over.addEventListener("abort", cut);
  stream.on("drain", () => pipe.resume());
  stream.on("data", (piece: Buffer) => pipe.push(piece));
  stream.on("end", () => pipe.end());
}
