import { type FileHandle, open, rename, rm } from "node:fs/promises";

/**
 * A file that appears under its name only when it is complete and on disk. Disposing of one that was
 * not published removes what was written.
 */
export class NewFile implements AsyncDisposable {
  readonly #path: string;
  readonly #partPath: string;
  readonly #handle: FileHandle;
  readonly #check: () => Promise<void>;
  #open = true;
  #published = false;

  private constructor(path: string, partPath: string, handle: FileHandle, check: () => Promise<void>) {
    this.#path = path;
    this.#partPath = partPath;
    this.#handle = handle;
    this.#check = check;
  }

  /**
   * `check` throws unless the name may be taken; it is asked at the beginning and again at the end.
   * Throws if the folder cannot be written.
   */
  static async create(path: string, check: () => Promise<void>): Promise<NewFile> {
    await check();
    const partPath = `${path}.part-${crypto.randomUUID().slice(0, 8)}`;
    return new NewFile(path, partPath, await open(partPath, "wx"), check);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#handle.writeFile(bytes);
  }

  /** Gives the file its name. */
  async publish(): Promise<void> {
    await this.#handle.sync();
    await this.#close();
    await this.#check();
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
