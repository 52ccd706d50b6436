import { asError } from "../../core/as-error.ts";
import { systemErrorText } from "../../core/system-error-text.ts";

/** A file, or standard input, that cannot be read. */
export class InputError extends Error {
  override readonly name = "InputError";

  /** `path` is "-" for standard input. */
  constructor(path: string, cause: unknown) {
    const what = path === "-" ? "standard input" : path;
    super(`cannot read ${what}: ${systemErrorText(cause)}`, { cause: asError(cause) });
  }
}
