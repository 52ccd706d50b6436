import type { SupervisorClock } from "./spec.ts";

/**
 * Returns the outcome of `work`, or rejects with `late()` after `timeoutMs`. The work itself goes
 * on; its later outcome is dropped.
 */
export function deadline<T>(
  work: Promise<T>,
  timeoutMs: number,
  clock: SupervisorClock,
  late: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () => reject(late()));
    work.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (reason: unknown) => {
        cancel();
        reject(reason);
      },
    );
  });
}
