import { capture } from "./run.ts";
import { projectRoot } from "./project.ts";

/** What a build is called. */
export interface Stamp {
  readonly version: string;
  /** The commit, followed by "-dirty" if tracked files differ from it; "unknown" without git. */
  readonly commit: string;
}

/** Returns the version of package.json and the commit of the working tree. */
export async function readStamp(): Promise<Stamp> {
  const { version } = (await Bun.file(`${projectRoot}/package.json`).json()) as { version: string };
  return { version, commit: await readCommit() };
}

async function readCommit(): Promise<string> {
  if (Bun.which("git") === null) return "unknown";
  const head = await capture(["git", "rev-parse", "--short=12", "HEAD"]);
  if (head.exitCode !== 0) return "unknown";
  const changes = await capture(["git", "status", "--porcelain", "--untracked-files=no"]);
  return `${head.out.trim()}${changes.out.trim() === "" ? "" : "-dirty"}`;
}
