import { type CliIo, ClosedPipeError, type Sink } from "./cli-io.ts";

/** The parts of Node's process object that a {@link CliIo} is made of. */
export type ProcessLike = Pick<
  NodeJS.Process,
  "env" | "stdin" | "stdout" | "stderr" | "once" | "removeListener"
>;

/** Returns the terminal, pipes or files that a process was started with. */
export function processIo(host: ProcessLike): CliIo {
  return {
    env: host.env,
    stdin: stdinOf(host),
    stdout: streamSink(host.stdout),
    stderr: streamSink(host.stderr),
    onInterrupt: (callback) => {
      host.once("SIGINT", callback);
      return () => host.removeListener("SIGINT", callback);
    },
  };
}

function stdinOf(host: ProcessLike): CliIo["stdin"] {
  let reading = false;
  return {
    isTerminal: host.stdin.isTTY ?? false,
    bytes: () => {
      reading = true;
      return host.stdin;
    },
    close: () => {
      if (reading) host.stdin.destroy();
    },
  };
}

function streamSink(stream: NodeJS.WriteStream): Sink {
  let failure: Error | undefined;
  // A stream whose errors nobody listens to would end the process.
  stream.on("error", (error) => {
    failure = error;
  });
  return {
    isTerminal: stream.isTTY ?? false,
    write: async (data) => {
      if (failure !== undefined) throw closedOr(failure);
      await new Promise<void>((resolve, reject) => {
        stream.write(data, (error) => {
          if (error) reject(closedOr(error));
          else resolve();
        });
      });
    },
  };
}

function closedOr(error: Error): Error {
  const code = "code" in error ? error.code : undefined;
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED" ? new ClosedPipeError(error.message) : error;
}
