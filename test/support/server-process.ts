import { mkdirSync } from "node:fs";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { builtExecutable } from "./built-executable.ts";
import { lines } from "./lines.ts";
import { within } from "./until.ts";

export interface ServerProcessOptions {
  /** The data directory; a temporary one, removed at the end, unless given. */
  readonly data?: string;
  /** 0, which lets the system choose, unless given. */
  readonly grpcPort?: number;
  readonly httpPort?: number;
  /** Further flags of `serve`. */
  readonly flags?: readonly string[];
}

/** A running server: the built executable in a process of its own. */
export interface ServerProcess extends AsyncDisposable {
  readonly pid: number;
  readonly data: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** `host:port` of the gRPC listener. */
  readonly grpc: string;
  /** Address of the HTTP listener, without a slash at its end. */
  readonly url: string;
  /** Everything on stdout up to now. */
  stdout(): string;
  /** Everything on stderr up to now. */
  stderr(): string;
  readonly exited: Promise<number>;
  signal(name: "SIGTERM" | "SIGINT" | "SIGSTOP" | "SIGCONT"): void;
  /** Ends it as a power cut would end the process, and waits until it is gone. */
  kill(): Promise<void>;
}

/** Starts the built executable and waits until it is ready. Throws with its stderr if it ends before. */
export async function startServerProcess(options: ServerProcessOptions = {}): Promise<ServerProcess> {
  const directory = options.data === undefined ? temporaryDirectory() : undefined;
  const data = options.data ?? `${directory?.path}/data`;
  const { grpcPort = 0, httpPort = 0, flags = [] } = options;
  const listeners = ["--grpc", `127.0.0.1:${grpcPort}`, "--http", `127.0.0.1:${httpPort}`];
  const child = await spawnExecutable(["serve", "--data", data, ...listeners, ...flags]);
  const kill = async (): Promise<void> => {
    child.process.kill("SIGKILL");
    await child.process.exited;
  };
  const dispose = async (): Promise<void> => {
    await kill();
    directory?.[Symbol.dispose]();
  };
  const ended = child.process.exited.then((code) => {
    throw new Error(`The server ended with ${code} before it was ready:\n${child.stderr()}`);
  });
  try {
    await within("the server is ready", Promise.race([child.ready, ended]));
  } catch (error) {
    await dispose();
    throw error;
  } finally {
    ended.catch(() => undefined);
  }
  const grpc = addressOf(child.stdout(), /gRPC +https?:\/\/(\S+)/);
  const http = addressOf(child.stdout(), /SSE +(https?:\/\/\S+)/);
  return {
    pid: child.process.pid,
    data,
    grpc,
    grpcPort: Number(new URL(`http://${grpc}`).port),
    url: http,
    httpPort: Number(new URL(http).port),
    stdout: child.stdout,
    stderr: child.stderr,
    exited: child.process.exited,
    signal: (name) => child.process.kill(name),
    kill,
    [Symbol.asyncDispose]: dispose,
  };
}

/** How the executable ended that ends by itself. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the executable to its end; kills it and throws if that does not come. */
export async function runExecutable(
  args: readonly string[],
  { env = {}, cwd }: { readonly env?: Record<string, string>; readonly cwd?: string } = {},
): Promise<Ended> {
  const child = await spawnExecutable(args, { env, ...(cwd === undefined ? {} : { cwd }) });
  try {
    const code = await within(`converge-ledger ${args.join(" ")} ends`, child.process.exited);
    await child.drained;
    return { code, stdout: child.stdout(), stderr: child.stderr() };
  } finally {
    child.process.kill("SIGKILL");
  }
}

/** The executable as a child process whose output is collected. */
export interface ExecutableChild {
  readonly process: Bun.Subprocess<"pipe", "pipe", "pipe">;
  /** Resolves when the line "ready in N ms" has been read. */
  readonly ready: Promise<void>;
  /** Resolves when both outputs have ended. */
  readonly drained: Promise<unknown>;
  stdout(): string;
  stderr(): string;
}

/** Starts the executable; the caller ends it. Settings in this process's own environment are not handed on. */
export async function spawnExecutable(
  args: readonly string[],
  { env = {}, cwd }: { readonly env?: Record<string, string>; readonly cwd?: string } = {},
): Promise<ExecutableChild> {
  const executable = await builtExecutable();
  if (cwd !== undefined) mkdirSync(cwd, { recursive: true });
  const child = Bun.spawn([executable, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "/", ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  let out = "";
  let err = "";
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>();
  const readOut = async (): Promise<void> => {
    for await (const line of lines(child.stdout)) {
      out += `${line}\n`;
      if (/^ready in \d+ ms$/.test(line)) isReady();
    }
  };
  const readErr = async (): Promise<void> => {
    for await (const line of lines(child.stderr)) err += `${line}\n`;
  };
  const drained = Promise.all([readOut(), readErr()]);
  return { process: child, ready, drained, stdout: () => out, stderr: () => err };
}

function addressOf(stdout: string, pattern: RegExp): string {
  const address = pattern.exec(stdout)?.[1];
  if (address === undefined) throw new Error(`The server does not say where it is:\n${stdout}`);
  return address;
}
