/**
 * Shows a cluster at work, in about a minute: three nodes, traffic, one is killed, one is cut off, all heal. Prints what
 * happens in plain words, counts at the end, and leaves nothing behind. Each node is in a network namespace of its own;
 * where there are none all are on loopback addresses, and the one that would be cut off stands still instead.
 *
 * @module
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executable } from "./steps/executable.ts";
import { isFresh } from "./steps/fresh.ts";
import { installDependencies } from "./steps/install.ts";
import { bun } from "./steps/project.ts";
import { mustRun } from "./steps/run.ts";

if (import.meta.main) {
  await installDependencies();
  if (!(await isFresh(executable))) await mustRun([bun, "scripts/build.ts"]);
  const { isInSandbox, runAgainInSandbox, sandboxLacks } = await import("./trials/world/sandbox.ts");
  if (!isInSandbox() && sandboxLacks() === undefined) process.exit(await runAgainInSandbox());
  process.exit(await demo());
}

async function demo(): Promise<number> {
  const { tellDemo } = await import("./trials/demo/demo.ts");
  const scratch = await mkdtemp(join(tmpdir(), "converge-ledger-demo-"));
  const remove = async (): Promise<void> =>
    await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => void remove().then(() => process.exit(130)));
  try {
    return (await tellDemo(executable, scratch)) ? 0 : 1;
  } finally {
    await remove();
  }
}
