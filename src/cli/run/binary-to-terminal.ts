import { UsageError } from "../usage-error.ts";

/** Returns the refusal to write a snapshot where somebody would have to look at it. */
export function binaryToTerminal(name: string): UsageError {
  return new UsageError(`a snapshot is binary and ${name} is a terminal: use -o FILE, or a pipe`);
}
