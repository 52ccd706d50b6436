import { statSync } from "node:fs";

/** Remembers a file, so that it is noticed when it is taken away under those who have it open. */
export interface FilePresence {
  /** Throws if the path is not the remembered file any more: what is written then is lost when the file is closed. */
  check(): void;
}

export function createFilePresence(path: string): FilePresence {
  const remembered = identity(path);
  return {
    check() {
      if (identity(path) === remembered) return;
      throw new Error(`${path} was deleted or replaced while it was open; restore it from a backup`);
    },
  };
}

function identity(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev} ${found.ino}`;
}
