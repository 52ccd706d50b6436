import { describe, expect, test } from "bun:test";
import { runCli } from "../../src/cli/cli.ts";
import { clientTools } from "./client-tools.ts";
import { memoryIo } from "../support/memory-io.ts";

/** Of every command that talks to a server. */
const serverOptions = ["--url", "--timeout-ms", "--config", "--json", "--help", "-h"];
const shells = ["bash", "zsh", "fish", "powershell"] as const;

describe("completion", () => {
  test.each(shells)("%s names every command and its options", async (shell) => {
    const script = await completion(shell);
    for (const word of ["serve", "append", "snapshot", "idempotency-key", "fail-if-exists"])
      expect(script).toContain(word);
  });

  for (const [shell, flag] of [
    ["bash", "-n"],
    ["zsh", "-n"],
    ["fish", "--no-execute"],
  ] as const) {
    test.skipIf(Bun.which(shell) === null)(`${shell} parses its script`, async () => {
      const stdin = new Blob([await completion(shell)]);
      const child = Bun.spawn([shell, flag, "/dev/stdin"], { stdin, stderr: "pipe" });
      expect(await child.stderr.text()).toBe("");
      expect(await child.exited).toBe(0);
    });
  }

  test.skipIf(Bun.which("bash") === null).each([
    ["converge-ledger sna", ["snapshot"]],
    ["converge-ledger s", ["serve", "snapshot", "status"]],
    ["converge-ledger verify --pa", ["--payload"]],
    ["converge-ledger key", ["key", "keygen", "keyring"]],
    ["converge-ledger append --ide", ["--idempotency-key"]],
    ["converge-ledger get demo --format ", ["text", "json", "raw"]],
    ["converge-ledger completion p", ["powershell"]],
    ["converge-ledger help lo", ["load"]],
    ["converge-ledger members f", ["forget"]],
    ["converge-ledger groups m", ["members"]],
    ["converge-ledger append demo k x --min", ["--min-copies"]],
    ["converge-ledger keyring ", [...serverOptions, "list", "add", "use", "remove"]],
  ])("bash completes %p", async (line, expected) => {
    const words = line.split(" ");
    const script = `${await completion("bash")}
COMP_WORDS=(${words.map((word) => `"${word}"`).join(" ")})
COMP_CWORD=${words.length - 1}
_converge_ledger
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const child = Bun.spawn(["bash", "--norc", "-c", script], { stderr: "pipe" });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect(err).toBe("");
    expect(out.trim().split("\n")).toEqual(expected);
  });
});

async function completion(shell: string): Promise<string> {
  const io = memoryIo();
  expect(await runCli(["completion", shell], io, clientTools)).toBe(0);
  return io.written.out();
}
