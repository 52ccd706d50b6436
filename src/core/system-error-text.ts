import { asError } from "./as-error.ts";

/** Returns what the system says of a call that failed, without the call and its path: `ENOENT: no such file or directory`. */
export function systemErrorText(error: unknown): string {
  const { message } = asError(error);
  return /^E[A-Z0-9]+: [^,]*(?=, \w+)/.exec(message)?.[0] ?? message;
}
