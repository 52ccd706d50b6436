import type { ConnectError } from "@connectrpc/connect";
import { endStreamFlag, endStreamToJson } from "@connectrpc/connect/protocol-connect";
import { encodeUtf8 } from "../../core/utf8.ts";
import type { CallCode, Metrics } from "../../core/metrics.ts";
import type { LedgerApi, Watching } from "../../ledger/ledger-api.ts";
import { callCode, deadlineExceeded, toConnectError } from "../connect-error.ts";
import type { ControlKind } from "../control-event.ts";
import { framed, writeWatchFrames } from "../fast/plain-answers.ts";
import type { PlainWatch } from "../fast/plain-requests.ts";
import { controlFrame, plainWatchRequest, takesControlEvents } from "../fast/plain-watch.ts";
import { EventStream } from "./event-stream.ts";

const headers = { "content-type": "application/connect+proto" };

/** Serves one watch in Connect's streaming form until either side ends it. Never rejects. */
export async function watchOverConnect(parts: {
  ledger: LedgerApi;
  metrics: Metrics;
  request: Request;
  plain: PlainWatch;
  timeoutMs: number | undefined;
}): Promise<Response> {
  const { ledger, metrics, request, plain, timeoutMs } = parts;
  const startMs = performance.now();
  metrics.watcher("connect", 1);
  let watcher: Watching | undefined;
  let over = false;
  const finish = (code: CallCode): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    watcher?.close();
    metrics.watcher("connect", -1);
    metrics.operation("Watch", "connect", code, (performance.now() - startMs) / 1000);
  };
  const stream = new EventStream({ onRoom: () => watcher?.resume(), onGone: () => finish("CANCELLED") });
  const fail = (error: ConnectError): void => {
    if (over) return;
    finish(callCode(error));
    stream.write(
      framed(encodeUtf8(JSON.stringify(endStreamToJson(new Headers(), error, undefined))), endStreamFlag),
    );
    stream.end();
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => fail(deadlineExceeded()), timeoutMs);
  request.signal.addEventListener("abort", () => finish("CANCELLED"));
  const control = takesControlEvents(plain)
    ? (kind: ControlKind, sequence: number) => void stream.write(controlFrame(kind, sequence))
    : () => {};
  try {
    watcher = await ledger.watch(plainWatchRequest(plain), {
      entries: (span) => stream.write(span.encoded("frames", writeWatchFrames)),
      heartbeat: (sequence) => stream.write(controlFrame("heartbeat", sequence)),
      caughtUp: (sequence) => control("caughtUp", sequence),
      reset: (sequence) => control("reset", sequence),
      ended: (error) => fail(toConnectError(error)),
    });
    if (over) watcher.close();
    else watcher.wake();
  } catch (error) {
    fail(toConnectError(error));
  }
  return new Response(stream.body, { headers });
}
