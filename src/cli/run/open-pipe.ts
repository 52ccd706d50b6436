import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { isatty } from "node:tty";
import { binaryToTerminal } from "./binary-to-terminal.ts";

/** A pipe or device that is there and is written into. What was written cannot be taken back. */
export class OpenPipe implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #signal: AbortSignal;

  private constructor(handle: FileHandle, signal: AbortSignal) {
    this.#handle = handle;
    this.#signal = signal;
  }

  /** Waits until somebody reads from a named pipe. Throws UsageError for a terminal if it is for bytes, and the reason of `signal`. */
  static async open(
    path: string,
    { binary, signal }: { readonly binary: boolean; readonly signal: AbortSignal },
  ): Promise<OpenPipe> {
    // Never makes a file, should the pipe be gone by now; a terminal does not become the process's own.
    const opening = open(path, constants.O_WRONLY | constants.O_NOCTTY);
    const handle = await orAborted(opening, signal).catch((error: unknown) => {
      opening.then(closeInBackground, () => {});
      throw error;
    });
    if (!binary || !isatty(handle.fd)) return new OpenPipe(handle, signal);
    await handle.close();
    throw binaryToTerminal(path);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await orAborted(this.#handle.writeFile(bytes), this.#signal);
  }

  async publish(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#signal.aborted) closeInBackground(this.#handle);
    else await this.#handle.close();
  }
}

/** Waiting for a pipe that nobody reads would keep an interrupted command from ending. */
function closeInBackground(handle: FileHandle): void {
  handle.close().catch(() => {});
}

/** Settles with `work`, or rejects with the reason of `signal` while the system goes on with it. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
