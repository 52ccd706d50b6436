import { temporaryDirectory } from "./temporary-directory.ts";

/** A small file system of its own, in memory. */
export interface Tmpfs extends Disposable {
  readonly path: string;
  /** Mounts it again, read-only or writable. */
  remount(mode: "ro" | "rw"): void;
}

/** Mounts one of `sizeKiB`; undefined if this process may not mount. */
export function mountTmpfs(sizeKiB: number): Tmpfs | undefined {
  const directory = temporaryDirectory();
  const { path } = directory;
  if (!run(["mount", "-t", "tmpfs", "-o", `size=${sizeKiB}k`, "tmpfs", path])) {
    directory[Symbol.dispose]();
    return undefined;
  }
  return {
    path,
    remount(mode) {
      if (!run(["mount", "-o", `remount,${mode}`, path])) throw new Error(`Cannot remount ${path} ${mode}`);
    },
    [Symbol.dispose]() {
      if (!run(["umount", path])) throw new Error(`Cannot unmount ${path}`);
      directory[Symbol.dispose]();
    },
  };
}

/** Tests that need a file system of their own are skipped by name where there is none to be had. */
export const canMount = probe();

function probe(): boolean {
  if (process.platform !== "linux" || Bun.which("mount") === null) return false;
  using tmpfs = mountTmpfs(64);
  return tmpfs !== undefined;
}

function run(command: string[]): boolean {
  return Bun.spawnSync(command, { stdout: "ignore", stderr: "ignore" }).success;
}
