/** Returns `reason` if it is an Error, else an Error that says it. */
export function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
