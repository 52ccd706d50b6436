import { mkdir, rm } from "node:fs/promises";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { command } from "./command.ts";

/** A file system of a few megabytes in memory. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Leaves not a byte free. */
  fill(): Promise<void>;
  empty(): Promise<void>;
}

const chunk = new Uint8Array(64 * 1024);

/** Mounts one at a new directory; undefined if this process may not mount. */
export async function mountSmallDisk(path: string, megabytes: number): Promise<SmallDisk | undefined> {
  await mkdir(path, { recursive: true });
  try {
    await command("mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path);
  } catch {
    return undefined;
  }
  const ballast = join(path, "ballast");
  return {
    path,
    fill: async () => {
      const file = openSync(ballast, "a");
      try {
        for (;;) writeSync(file, chunk);
      } catch (error) {
        if ((error as { code?: string }).code !== "ENOSPC") throw error;
      } finally {
        closeSync(file);
      }
    },
    empty: async () => await rm(ballast, { force: true }),
    [Symbol.asyncDispose]: async () => void (await command("umount", path)),
  };
}
