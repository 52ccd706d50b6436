import { readFileSync } from "node:fs";

/**
 * Returns the processes that stand between the user's command and this one: npm, npx, Bun and the shells
 * they start scripts with. None where /proc is missing.
 *
 * A shell that is ended by a signal does not hand it on, so a stopped `npm start` would leave what it
 * started running; whoever starts something lasting should end it when one of these is gone.
 */
export function launchers(): readonly number[] {
  const found: number[] = [];
  for (let pid = process.ppid; pid > 1 && isLauncher(pid); pid = parentOf(pid)) found.push(pid);
  return found;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function isLauncher(pid: number): boolean {
  // npm writes its command line as one word.
  const [program = "", first = ""] = read(pid, "cmdline").split(/[\0 ]/);
  switch (program.split("/").at(-1)) {
    case "npm":
    case "npx":
      return true;
    case "bun":
    case "bun.exe":
      return ["start", "run", "x"].includes(first);
    case "sh":
    case "dash":
    case "bash":
      return first === "-c";
    default:
      return false;
  }
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)$/m.exec(read(pid, "status"))?.[1] ?? 0);
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
