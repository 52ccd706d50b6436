/** Ends the process with an exit code; everything there is to say has been said. */
export class Ended extends Error {
  override readonly name = "Ended";

  constructor(readonly exitCode: number) {
    super(`ended with ${exitCode}`);
  }
}

/** What shells expect of a process that Ctrl-C ended: 128 and the number of SIGINT. */
export const interruptedExitCode = 130;
