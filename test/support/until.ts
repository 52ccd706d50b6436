/** How long a test waits for what must happen: far longer than it takes on a busy machine. */
export const patienceMs = 30_000;

/** Asks until the answer is neither false nor undefined, and returns it; an error counts as no. Throws after `timeoutMs`. */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  timeoutMs = patienceMs,
): Promise<Exclude<T, false | undefined>> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const answer = await ask();
      if (answer !== false && answer !== undefined) return answer as Exclude<T, false | undefined>;
    } catch (error) {
      last = error;
    }
    await Bun.sleep(10);
  }
  throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`, { cause: last });
}

/** Returns what `promise` resolves with, or throws naming `what` if that takes longer than `timeoutMs`. */
export async function within<T>(what: string, promise: Promise<T>, timeoutMs = patienceMs): Promise<T> {
  let cut: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    cut = setTimeout(() => reject(new Error(`Waited ${timeoutMs} ms in vain: ${what}`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(cut);
  }
}
