import type { Subprocess } from "bun";

/** A process of the benchmark, ended with the scope that started it. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Resolves with the first line of output that matches; rejects if the process ends before. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** Writes to its standard input. */
  tell(text: string): void;
  stop(): Promise<void>;
}

const running = new Set<Subprocess>();
const outputKeptChars = 16_384;

/** Ends every process that is still there, at once: for the end of the benchmark by a signal. */
export function killChildren(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** Starts a process in the background. Its standard output and error are read together. */
export function startChild(command: readonly string[], cwd?: string): Child {
  const process = Bun.spawn([...command], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    ...(cwd === undefined ? {} : { cwd }),
  });
  running.add(process);
  const output = new Output();
  void Promise.all([output.drain(process.stdout), output.drain(process.stderr), process.exited]).then(() => {
    running.delete(process);
    output.end(`${command[0]} ended with ${process.exitCode ?? process.signalCode}`);
  });
  const stop = async () => {
    process.kill("SIGTERM");
    const kill = setTimeout(() => process.kill("SIGKILL"), 3000);
    await process.exited;
    clearTimeout(kill);
  };
  return {
    pid: process.pid,
    line: async (pattern) => await output.find(pattern),
    tell: (text) => {
      void process.stdin.write(text);
      void process.stdin.flush();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Runs a process to its end and returns its standard output; throws unless it ends with 0. */
export async function runChild(command: readonly string[]): Promise<string> {
  const process = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  running.add(process);
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(process.stdout).text(),
    new Response(process.stderr).text(),
    process.exited,
  ]);
  running.delete(process);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${stdout}${stderr}`);
  return stdout;
}

/** The end of what a process wrote, and who waits for more of it. Lines that were found are taken out. */
class Output {
  private text = "";
  private ended: string | undefined;
  private readonly waiting = new Set<() => void>();

  async drain(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const piece of stream) {
      this.text = (this.text + decoder.decode(piece, { stream: true })).slice(-outputKeptChars);
      this.wake();
    }
  }

  end(reason: string): void {
    this.ended = reason;
    this.wake();
  }

  async find(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text);
      if (found !== null) {
        this.text = this.text.slice(found.index + found[0].length);
        return found;
      }
      if (this.ended !== undefined) throw new Error(`${this.ended} before ${pattern}: ${this.text}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.waiting.add(resolve);
      await promise;
      this.waiting.delete(resolve);
    }
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
  }
}
