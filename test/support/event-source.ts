/**
 * A client of server-sent events that follows the specification, over fetch.
 * [Server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html)
 *
 * @module
 */

/** A dispatched event. */
export interface SentEvent {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

export interface EventSourceOptions {
  /** Sent with the first request, as a page does that kept it. */
  readonly lastEventId?: string;
  readonly init?: BunFetchRequestInit;
  /** Told every comment line. */
  readonly onComment?: (text: string) => void;
}

/**
 * Yields events for ever: when the connection ends it connects again with Last-Event-ID after the time the server
 * gave with `retry`. Throws if an answer is not an event stream. Leaving the loop ends the connection.
 */
export async function* eventSource(url: string, options: EventSourceOptions = {}): AsyncGenerator<SentEvent> {
  const stream = { lastEventId: options.lastEventId ?? "", retryMs: 3000 };
  for (;;) {
    const abort = new AbortController();
    try {
      const headers = new Headers(options.init?.headers);
      headers.set("accept", "text/event-stream");
      if (stream.lastEventId !== "") headers.set("last-event-id", stream.lastEventId);
      const response = await connect(url, { ...options.init, headers, signal: abort.signal });
      if (response !== undefined) yield* readEvents(response, stream, options.onComment);
    } finally {
      abort.abort();
    }
    await Bun.sleep(stream.retryMs);
  }
}

/** Returns undefined if there is no connection, which is a reason to try again. */
async function connect(
  url: string,
  init: BunFetchRequestInit,
): Promise<ReadableStream<Uint8Array> | undefined> {
  const response = await fetch(url, init).catch(() => undefined);
  if (response === undefined) return undefined;
  const type = response.headers.get("content-type") ?? "";
  if (response.status === 200 && type.split(";")[0] === "text/event-stream" && response.body !== null)
    return response.body;
  throw new Error(`${url} answered ${response.status} ${type}: ${await response.text()}`);
}

async function* readEvents(
  body: ReadableStream<Uint8Array>,
  stream: { lastEventId: string; retryMs: number },
  onComment?: (text: string) => void,
): AsyncGenerator<SentEvent> {
  let data = "";
  let type = "";
  let id = stream.lastEventId;
  for await (const line of eventLines(body)) {
    if (line === "") {
      stream.lastEventId = id;
      if (data !== "") yield { type: type || "message", data: data.slice(0, -1), lastEventId: id };
      data = "";
      type = "";
      continue;
    }
    const [, field = "", value = ""] = /^([^:]*)(?:: ?([\s\S]*))?$/.exec(line) ?? [];
    if (field === "") onComment?.(value);
    else if (field === "event") type = value;
    else if (field === "data") data += `${value}\n`;
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) stream.retryMs = Number(value);
  }
}

/** Yields lines that end with CR LF, LF or CR. A broken connection ends them as a closed one does. */
async function* eventLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => ({ done: true as const, value: undefined }));
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      // A CR at the end may be the first half of a CR LF.
      const parts = rest.split(/\r\n|\n|\r(?!$)/);
      rest = parts.pop() ?? "";
      yield* parts;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
