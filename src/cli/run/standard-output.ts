/** Names of standard output, which may be a file that is not to be replaced, and is not opened again. */
export const standardOutput: ReadonlySet<string> = new Set([
  "-",
  "/dev/stdout",
  "/dev/fd/1",
  "/proc/self/fd/1",
]);
