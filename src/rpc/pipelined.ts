/**
 * Starts `work` for every input as it arrives, at most `inFlightMax` at a time, and yields the answers in the
 * order of the inputs. `work` must not reject.
 */
export async function* pipelined<In, Out>(
  inputs: AsyncIterable<In>,
  inFlightMax: number,
  work: (input: In) => Promise<Out>,
): AsyncGenerator<Out> {
  const answers: Promise<Out>[] = [];
  let ended = false;
  let failure: { readonly error: unknown } | undefined;
  let changed = (): void => {};
  let stopped = false;
  const reading = (async () => {
    try {
      for await (const input of inputs) {
        answers.push(work(input));
        changed();
        while (answers.length >= inFlightMax && !stopped)
          await new Promise<void>((resolve) => (roomMade = resolve));
        if (stopped) return;
      }
    } catch (error) {
      failure = { error };
    } finally {
      ended = true;
      changed();
    }
  })();
  let roomMade = (): void => {};
  try {
    for (;;) {
      const next = answers.shift();
      if (next !== undefined) {
        roomMade();
        yield await next;
      } else if (ended) {
        break;
      } else {
        await new Promise<void>((resolve) => (changed = resolve));
      }
    }
    if (failure !== undefined) throw failure.error;
  } finally {
    stopped = true;
    roomMade();
  }
  await reading;
}
