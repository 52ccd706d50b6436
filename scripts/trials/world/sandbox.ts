import { projectRoot } from "../../steps/project.ts";

/** Set in the environment of whatever runs inside a sandbox. */
const marker = "CONVERGE_LEDGER_TRIALS_SANDBOX";

/**
 * What makes a private world for one command: its own network, mounts and process ids, so that everything it starts,
 * mounts and configures is gone with it, also after a kill. Without root the same inside a user namespace.
 */
const unshare = [
  // Also if this process is killed so that it can end nothing.
  ...(Bun.which("setpriv") === null ? [] : ["setpriv", "--pdeathsig", "KILL"]),
  "unshare",
  ...(process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"]),
  ...["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"],
];

/** Named network namespaces live below /run, which is therefore a private one. */
const prepare = "mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up";

/** True in a process that was started by {@link sandboxed}. */
export function isInSandbox(): boolean {
  return process.env[marker] === "1";
}

/** Why this machine cannot make network namespaces; undefined if it can. Asked once. */
export function sandboxLacks(): string | undefined {
  probed ??= { lacks: probe() };
  return probed.lacks;
}

let probed: { readonly lacks: string | undefined } | undefined;

function probe(): string | undefined {
  if (process.platform !== "linux") return "Linux";
  for (const program of ["unshare", "nsenter", "ip", "mount"])
    if (Bun.which(program) === null) return program;
  const trial = `${prepare} && ip netns add probe && ip link add probe type bridge`;
  const { success } = Bun.spawnSync([...unshare, "sh", "-c", trial], { stdout: "ignore", stderr: "ignore" });
  return success ? undefined : "the right to make network namespaces";
}

/** Returns the command that runs `command` in a sandbox of its own. */
export function sandboxed(command: readonly string[]): readonly string[] {
  return [...unshare, "sh", "-c", `${prepare} && exec "$@"`, "sandbox", ...command];
}

/** Runs this very command again inside a sandbox and returns its exit code. */
export async function runAgainInSandbox(): Promise<number> {
  const child = Bun.spawn([...sandboxed([process.execPath, ...Bun.argv.slice(1)])], {
    cwd: projectRoot,
    env: { ...process.env, [marker]: "1" },
    stdio: ["inherit", "inherit", "inherit"],
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => child.kill("SIGKILL"));
  return await child.exited;
}
