import type { Stats } from "node:fs";
import { readlink, realpath, stat } from "node:fs/promises";
import { NewFile } from "./new-file.ts";
import { OpenPipe } from "./open-pipe.ts";

/** Where a command writes what somebody else reads. */
export interface Output extends AsyncDisposable {
  write(bytes: Uint8Array): Promise<void>;
  /** Everything was written. Without this call disposing takes back what can be taken back. */
  publish(): Promise<void>;
}

export interface OpenOutput {
  /** Whether a file that exists may be replaced. Nothing else ever is. */
  readonly replace: boolean;
  /** Whether what is written would spoil a terminal, which is refused then. */
  readonly binary: boolean;
  readonly signal: AbortSignal;
}

/**
 * Opens what `path` names: a new file, which takes the place of a regular file that is there, or a pipe
 * or device, which is written into. Symbolic links are followed. Throws if it is anything else.
 */
export async function openOutput(path: string, options: OpenOutput): Promise<Output> {
  const { replace } = options;
  const existing = await statOf(path);
  if (existing === undefined || existing.isFile()) {
    const file = existing === undefined ? path : await realpath(path);
    return await NewFile.create(file, async () => refuseUnlessFile(path, await statOf(path), replace));
  }
  if (existing.isFIFO() || existing.isCharacterDevice()) return await OpenPipe.open(path, options);
  throw new Error(`${path} is ${kindOf(existing)}; name a file`);
}

/** Returns nothing if nothing is there. */
async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const target = await readlink(path).catch(() => undefined);
  if (target === undefined) return undefined;
  throw new Error(`${path} is a symbolic link to ${target}, which does not exist; name the file itself`);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function refuseUnlessFile(path: string, existing: Stats | undefined, replace: boolean): void {
  if (existing === undefined) return;
  if (!existing.isFile()) throw new Error(`${path} is ${kindOf(existing)} now; name a file`);
  if (!replace) throw new Error(`${path} exists; use --force to replace it`);
}

function kindOf(existing: Stats): string {
  if (existing.isDirectory()) return "a directory";
  if (existing.isBlockDevice()) return "a block device";
  if (existing.isSocket()) return "a socket";
  return "no regular file";
}
