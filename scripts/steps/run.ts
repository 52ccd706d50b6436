import { projectRoot } from "./project.ts";

export interface RunOptions {
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The folder to run in; the project's root unless given. */
  readonly cwd?: string;
}

/** Runs a command on this terminal and returns its exit code. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<number> {
  const child = Bun.spawn([...command], {
    cwd: options.cwd ?? projectRoot,
    env: { ...process.env, ...options.env },
    stdio: ["inherit", "inherit", "inherit"],
  });
  return await child.exited;
}

export interface Captured {
  readonly exitCode: number;
  /** Standard output. */
  readonly out: string;
  /** Standard output and standard error, for people. */
  readonly report: string;
}

/** Runs a command and returns what it printed. */
export async function capture(command: readonly string[], options: RunOptions = {}): Promise<Captured> {
  const child = Bun.spawn([...command], {
    cwd: options.cwd ?? projectRoot,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exitCode, out, report: `${out}${err}`.trim() };
}

/** Ends this process with the command's exit code if it fails. */
export async function mustRun(command: readonly string[], options: RunOptions = {}): Promise<void> {
  const exitCode = await run(command, options);
  if (exitCode === 0) return;
  console.error(`failed with exit code ${exitCode}: ${command.join(" ")}`);
  process.exit(exitCode);
}
