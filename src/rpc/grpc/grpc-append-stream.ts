import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import type { CallCode, Metrics } from "../../core/metrics.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { callCode, deadlineExceeded } from "../connect-error.ts";
import { AppendPipe } from "../fast/append-pipe.ts";
import { begin, errorTrailers, isGone } from "./grpc-answer.ts";

/** Serves one AppendStream on a gRPC stream until either side ends it. */
export function appendStreamOverGrpc(parts: {
  ledger: Ledger;
  metrics: Metrics;
  stream: ServerHttp2Stream;
  timeoutMs: number | undefined;
  shutdownSignal: AbortSignal;
}): void {
  const { ledger, metrics, stream, timeoutMs, shutdownSignal } = parts;
  const startMs = performance.now();
  let trailers: OutgoingHttpHeaders = { "grpc-status": "0" };
  let over = false;
  const finish = (code: CallCode): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    shutdownSignal.removeEventListener("abort", shutDown);
    pipe.abandon();
    metrics.operation("AppendStream", "grpc", code, (performance.now() - startMs) / 1000);
  };
  const end = (error: ConnectError | undefined): void => {
    if (over) return;
    finish(callCode(error));
    if (error !== undefined) trailers = errorTrailers(error);
    stream.end();
  };
  const pipe = new AppendPipe(ledger, {
    write: (frames) => !isGone(stream) && stream.write(frames),
    pause: (paused) => void (paused ? stream.pause() : stream.resume()),
    finished: end,
  });
  const shutDown = (): void => end(shutdownSignal.reason as ConnectError);
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => end(deadlineExceeded()), timeoutMs);
  stream.on("close", () => finish("CANCELLED"));
  if (!begin(stream, () => trailers)) return finish("CANCELLED");
  shutdownSignal.addEventListener("abort", shutDown);
  stream.on("drain", () => pipe.resume());
  stream.on("data", (piece: Buffer) => pipe.push(piece));
  stream.on("end", () => pipe.end());
}
