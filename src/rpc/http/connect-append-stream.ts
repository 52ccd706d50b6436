import type { ConnectError } from "@connectrpc/connect";
import { endStreamFlag, endStreamToJson } from "@connectrpc/connect/protocol-connect";
import type { CallCode, Metrics } from "../../core/metrics.ts";
import { encodeUtf8 } from "../../core/utf8.ts";
import type { LedgerApi } from "../../ledger/ledger-api.ts";
import { callCode, deadlineExceeded } from "../connect-error.ts";
import { AppendPipe } from "../fast/append-pipe.ts";
import type { BodyBudget } from "../incoming/body-budget.ts";
import { type Shutdown, shuttingDown } from "../shutdown.ts";
import { framed } from "../fast/plain-answers.ts";
import { EventStream } from "./event-stream.ts";

const headers = { "content-type": "application/connect+proto" };

/** Serves one AppendStream in Connect's streaming form until either side ends it. */
export function appendStreamOverConnect(parts: {
  ledger: LedgerApi;
  metrics: Metrics;
  request: Request;
  timeoutMs: number | undefined;
  shutdown: Shutdown;
  budget: BodyBudget;
}): Response {
  const { ledger, metrics, request, timeoutMs, shutdown, budget } = parts;
  const startMs = performance.now();
  let over = false;
  let flowing = Promise.withResolvers<void>();
  flowing.resolve();
  const finish = (code: CallCode): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    shutdown.draining.removeEventListener("abort", drain);
    shutdown.over.removeEventListener("abort", cut);
    pipe.abandon();
    flowing.resolve();
    metrics.operation("AppendStream", "connect", code, (performance.now() - startMs) / 1000);
  };
  const stream = new EventStream({ onRoom: () => pipe.resume(), onGone: () => finish("CANCELLED") });
  const end = (error: ConnectError | undefined): void => {
    if (over) return;
    finish(callCode(error));
    stream.write(
      framed(encodeUtf8(JSON.stringify(endStreamToJson(new Headers(), error, undefined))), endStreamFlag),
    );
    stream.end();
  };
  const pipe: AppendPipe = new AppendPipe(ledger, budget, {
    write: (frames) => stream.write(frames),
    pause(paused) {
      if (paused) flowing = Promise.withResolvers();
      else flowing.resolve();
    },
    finished: end,
  });
  const drain = (): void => pipe.close(shuttingDown());
  const cut = (): void => end(shuttingDown());
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => end(deadlineExceeded()), timeoutMs);
  shutdown.draining.addEventListener("abort", drain);
  shutdown.over.addEventListener("abort", cut);
  request.signal.addEventListener("abort", () => finish("CANCELLED"));
  void feed();
  return new Response(stream.body, { headers });

  /** Reads the request body at the pace of the pipe. Never rejects. */
  async function feed(): Promise<void> {
    const reader = request.body?.getReader();
    try {
      while (reader !== undefined && !over) {
        const { done, value } = await reader.read();
        if (done) break;
        pipe.push(Buffer.from(value.buffer, value.byteOffset, value.length));
        await flowing.promise;
      }
      if (over) await reader?.cancel();
      else pipe.end();
    } catch {
      // The connection broke in the middle of the body.
      finish("CANCELLED");
      stream.end();
    }
  }
}
