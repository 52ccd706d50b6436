import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";

/**
 * A file that appears under its name only when it is complete and on disk. Disposing of one that was
 * not published removes what was written.
 */
export class NewFile implements AsyncDisposable {
  readonly #path: string;
  readonly #partPath: string;
  readonly #handle: FileHandle;
  readonly #replace: boolean;
  #open = true;
  #published = false;

  private constructor(path: string, partPath: string, handle: FileHandle, replace: boolean) {
    this.#path = path;
    this.#partPath = partPath;
    this.#handle = handle;
    this.#replace = replace;
  }

  /** Throws if the file exists and may not be replaced, or if the folder cannot be written. */
  static async create(path: string, { replace }: { readonly replace: boolean }): Promise<NewFile> {
    if (!replace) await refuseExisting(path);
    const partPath = `${path}.part-${crypto.randomUUID().slice(0, 8)}`;
    return new NewFile(path, partPath, await open(partPath, "wx"), replace);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#handle.writeFile(bytes);
  }

  /** Gives the file its name. */
  async publish(): Promise<void> {
    await this.#handle.sync();
    await this.#close();
    if (!this.#replace) await refuseExisting(this.#path);
    await rename(this.#partPath, this.#path);
    this.#published = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    if (!this.#published) await rm(this.#partPath, { force: true });
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close();
  }
}

async function refuseExisting(path: string): Promise<void> {
  const existing = await stat(path).catch(() => undefined);
  if (existing !== undefined) throw new Error(`${path} exists; use --force to replace it`);
}
