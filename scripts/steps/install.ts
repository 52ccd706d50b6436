import { bun } from "./project.ts";
import { capture } from "./run.ts";

/** Installs exactly what bun.lock says, quietly; ends this process if that fails. */
export async function installDependencies(): Promise<void> {
  const { exitCode, report } = await capture([bun, "install", "--frozen-lockfile"]);
  if (exitCode === 0) return;
  console.error(report);
  console.error(
    "bun install --frozen-lockfile failed: is the network there, and does bun.lock match package.json?",
  );
  process.exit(1);
}
