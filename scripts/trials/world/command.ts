/** Runs a short command to its end; throws what it says unless it succeeds. */
export async function command(...words: readonly string[]): Promise<string> {
  const child = Bun.spawn([...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (exitCode !== 0) throw new Error(`${words.join(" ")} ended with ${exitCode}: ${(out + err).trim()}`);
  return out;
}
