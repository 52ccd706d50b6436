import { Code, ConnectError } from "@connectrpc/connect";

/**
 * Yields what one call streams; throws UNAVAILABLE once nothing came for `silenceMs`. Ends the call when it is left.
 * `open` is given the signal that ends the call.
 */
export async function* livelyStream<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  silenceMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void> {
  const broken = new AbortController();
  const silence = (): void => {
    broken.abort(new ConnectError(`nothing arrived for ${silenceMs} ms`, Code.Unavailable));
  };
  let timer = setTimeout(silence, silenceMs);
  try {
    const both = signal === undefined ? broken.signal : AbortSignal.any([signal, broken.signal]);
    for await (const message of open(both)) {
      // A caller may take its time between two messages; only waiting for the server counts.
      clearTimeout(timer);
      yield message;
      timer = setTimeout(silence, silenceMs);
    }
  } catch (error) {
    if (broken.signal.aborted) throw broken.signal.reason;
    throw error;
  } finally {
    clearTimeout(timer);
    broken.abort(new ConnectError("the watch ended", Code.Canceled));
  }
}
