/**
 * Starts `work` for every input as it arrives and yields the answers in the order of the inputs. While `inFlightMax`
 * inputs, or inputs of `weightMax` together, are under way or wait for the consumer, no further one is read. `work` must
 * not reject.
 */
export async function* pipelined<In, Out>(
  inputs: AsyncIterable<In>,
  bounds: { readonly inFlightMax: number; readonly weightMax: number; weigh(input: In): number },
  work: (input: In) => Promise<Out>,
): AsyncGenerator<Out> {
  const answers: { readonly answer: Promise<Out>; readonly weight: number }[] = [];
  let weight = 0;
  const isFull = (): boolean => answers.length >= bounds.inFlightMax || weight >= bounds.weightMax;
  let ended = false;
  let failure: { readonly error: unknown } | undefined;
  let changed = (): void => {};
  let stopped = false;
  const reading = (async () => {
    try {
      for await (const input of inputs) {
        const one = { answer: work(input), weight: bounds.weigh(input) };
        answers.push(one);
        weight += one.weight;
        changed();
        while (isFull() && !stopped) await new Promise<void>((resolve) => (roomMade = resolve));
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
        weight -= next.weight;
        roomMade();
        yield await next.answer;
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
