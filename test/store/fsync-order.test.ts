import { expect, test } from "bun:test";
import { join } from "node:path";
import { temporaryDirectory } from "./temporary-directory.ts";

const canTrace = process.platform === "linux" && canStrace();

test.skipIf(!canTrace)(
  "an acknowledgement is written after the sync of the write-ahead log has returned (needs strace)",
  async () => {
    expect(await traceCommits("FULL")).toEqual(Array.from({ length: 10 }, () => "synced"));
  },
  30_000,
);

test.skipIf(!canTrace)(
  "the check above sees commits that are not synced (needs strace)",
  async () => {
    expect(await traceCommits("OFF")).toEqual(Array.from({ length: 10 }, () => "not synced"));
  },
  30_000,
);

/** Returns, for each acknowledgement, whether everything written to the WAL before it was synced. */
async function traceCommits(synchronous: string): Promise<string[]> {
  using directory = temporaryDirectory();
  const trace = join(directory.path, "trace");
  const program = join(import.meta.dir, "child-acknowledger.ts");
  const calls = "trace=openat,open,close,pwrite64,write,fsync,fdatasync";
  const child = Bun.spawn(
    [
      "strace",
      "-f",
      "-e",
      calls,
      "-o",
      trace,
      process.execPath,
      program,
      join(directory.path, "ledger"),
      synchronous,
    ],
    { stdout: "ignore", stderr: "inherit" },
  );
  expect(await child.exited).toBe(0);
  return acknowledgementsIn(await Bun.file(trace).text());
}

function acknowledgementsIn(trace: string): string[] {
  const outcomes: string[] = [];
  /** The writer's and the reader's descriptors of the WAL, which stay open until the end. */
  const wal = new Set<string>();
  let written = false;
  let synced = false;
  for (const line of completedCalls(trace)) {
    const opened = /^open(?:at)?\(.*ledger\.db-wal".* = (\d+)$/.exec(line)?.[1];
    const [, call, file = ""] = /^(\w+)\((\d+)/.exec(line) ?? [];
    if (opened !== undefined) wal.add(opened);
    else if (call === "pwrite64" && wal.has(file)) [written, synced] = [true, false];
    else if ((call === "fsync" || call === "fdatasync") && wal.has(file)) synced = line.endsWith("= 0");
    else if (line.startsWith('write(1, "acknowledged')) {
      outcomes.push(written && synced ? "synced" : "not synced");
      written = false;
    }
  }
  return outcomes;
}

/** Returns the calls of all threads in the order in which they returned; a write counts when it begins. */
function completedCalls(trace: string): string[] {
  const begun = new Map<string, string>();
  const calls: string[] = [];
  for (const line of trace.split("\n")) {
    const [, thread = "", call = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = / <unfinished \.\.\.>$/.exec(call);
    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(call);
    if (unfinished !== null && call.startsWith("write(")) calls.push(call);
    else if (unfinished !== null) begun.set(thread, call.slice(0, unfinished.index));
    else if (resumed === null) calls.push(call);
    else if (resumed[1] !== "write") calls.push((begun.get(thread) ?? "") + (resumed[2] ?? ""));
  }
  return calls;
}

/** strace may be installed and forbidden. */
function canStrace(): boolean {
  if (Bun.which("strace") === null) return false;
  return Bun.spawnSync(["strace", "-o", "/dev/null", "true"], { stdout: "ignore", stderr: "ignore" }).success;
}
