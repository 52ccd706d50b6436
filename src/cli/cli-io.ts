/** Where a command's output goes. */
export interface Sink {
  readonly isTerminal: boolean;
  /** Resolves when more may be written. Throws {@link ClosedPipeError} once nobody reads any more. */
  write(data: string | Uint8Array): Promise<void>;
}

/** What the command line needs from its process. */
export interface CliIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: {
    readonly isTerminal: boolean;
    /** Yields everything, unchanged. */
    bytes(): AsyncIterable<Uint8Array>;
    /** Ends a reading that waits for more, which would keep the process alive. */
    close(): void;
  };
  /** Data, and nothing else. */
  readonly stdout: Sink;
  /** Errors, notices and progress. */
  readonly stderr: Sink;
  /** Calls back when the user interrupts (Ctrl-C) instead of ending the process, until the returned function is called. */
  onInterrupt(callback: () => void): () => void;
}

/** The reader of standard output went away, as `head` does: no reason to complain. */
export class ClosedPipeError extends Error {
  override readonly name = "ClosedPipeError";
}
