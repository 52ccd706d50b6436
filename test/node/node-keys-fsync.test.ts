import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeKeyFile } from "../../src/node/node-keys.ts";

const canTrace = process.platform === "linux" && canStrace();

test.skipIf(!canTrace)(
  "a key file is on disk before it gets its name, and its name before anybody hears of it (needs strace)",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "node-keys-"));
    try {
      // The first at first use, the other by rotation.
      const replacing = ["write new", "sync new", "rename", "sync directory"];
      expect(await stepsOf(directory)).toEqual([...replacing, ...replacing, "tell"]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
  30_000,
);

/** Returns what a process that makes and rotates keys does to the files, in order. */
async function stepsOf(directory: string): Promise<string[]> {
  const trace = `${directory}.trace`;
  const program = join(import.meta.dir, "node-keys-child.ts");
  const calls = "trace=openat,close,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2";
  const command = [
    "strace",
    "-f",
    "-e",
    calls,
    "-o",
    trace,
    process.execPath,
    program,
    directory,
    "rotate",
    "1",
  ];
  const child = Bun.spawn(command, { stdout: "ignore", stderr: "inherit" });
  expect(await child.exited).toBe(0);
  const lines = (await Bun.file(trace).text()).split("\n").map((line) => line.replace(/^\d+ +/, ""));
  rmSync(trace);

  const names = new Map<string, string>();
  const steps: string[] = [];
  for (const line of lines) {
    const opened = /^openat\([^"]*"([^"]*)".* = (\d+)$/.exec(line);
    if (opened !== null) names.set(opened[2] ?? "", nameOf(opened[1] ?? "", directory));
    const [, call = "", file = ""] = /^(\w+)\((\d+)?/.exec(line) ?? [];
    const name = names.get(file) ?? "";
    if (call === "close") names.delete(file);
    else if (call.startsWith("rename") && line.includes(`/${nodeKeyFile}"`)) steps.push("rename");
    else if (/^p?write/.test(call) && name === "new") steps.push("write new");
    else if (/^write\(1, "[0-9a-f]/.test(line)) steps.push("tell");
    else if (call.endsWith("sync") && name !== "" && line.endsWith("= 0")) steps.push(`sync ${name}`);
  }
  return steps;
}

function nameOf(path: string, directory: string): string {
  if (path === directory) return "directory";
  return path.startsWith(join(directory, nodeKeyFile)) && path.endsWith(".new") ? "new" : "";
}

/** strace may be installed and forbidden. */
function canStrace(): boolean {
  if (Bun.which("strace") === null) return false;
  return Bun.spawnSync(["strace", "-o", "/dev/null", "true"], { stdout: "ignore", stderr: "ignore" }).success;
}
