import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite-store.ts";
import { append, sequencesOf, workerUrl } from "./sample-rows.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";
import { canMount, mountTmpfs } from "./tmpfs.ts";

const open = (directory: string): Promise<SqliteStore> => openSqliteStore({ directory, workerUrl });

const openFailure = (directory: string): Promise<unknown> => open(directory).catch((error: unknown) => error);

let temporary: TemporaryDirectory | undefined;
afterEach(() => {
  temporary?.[Symbol.dispose]();
  temporary = undefined;
});

/** Returns a directory that was a ledger with one context and was closed. */
async function closedLedger(): Promise<string> {
  temporary = temporaryDirectory();
  const store = await open(temporary.path);
  await append(store, "c", 50, { wireBytes: 500 });
  await store.close();
  return temporary.path;
}

describe("openSqliteStore() refuses", () => {
  test("a directory that is a file", async () => {
    temporary = temporaryDirectory();
    const path = join(temporary.path, "file");
    writeFileSync(path, "");
    const inside = join(path, "deeper");
    const failure = await openFailure(path);
    expect(failure).toMatchObject({ name: "StoreOpenError", kind: "io" });
    expect((failure as Error).message).toBe(
      `Cannot open the data directory ${path}: it, or a part of its path, is a file; use another path`,
    );
    expect(await openFailure(inside)).toMatchObject({ name: "StoreOpenError", kind: "io" });
  });

  test("a lock file that is something else", async () => {
    temporary = temporaryDirectory();
    writeFileSync(
      join(temporary.path, "ledger.lock"),
      "I am a note, and long enough to be read as a page.".repeat(100),
    );
    expect(await openFailure(temporary.path)).toMatchObject({
      kind: "not-a-ledger",
      message: expect.stringContaining(join(temporary.path, "ledger.lock")),
    });
  });

  test("a Worker that is not there, and frees the directory", async () => {
    temporary = temporaryDirectory();
    const missing = new URL("./no-such-worker.ts", import.meta.url);
    const options = { directory: temporary.path, workerUrl: missing };
    const failure = await openSqliteStore(options).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "StoreOpenError", kind: "io" });
    await (await open(temporary.path)).close();
  });

  test("a directory that this process has open", async () => {
    temporary = temporaryDirectory();
    await using store = await disposable(open(temporary.path));
    const failure = await openFailure(temporary.path);
    expect(failure).toMatchObject({
      kind: "locked",
      message:
        `Cannot open the data directory ${temporary.path}: another process has it open; ` +
        "stop that process, or use another directory",
    });
    expect((await append(store.store, "c", 1)).latest).toBe(1);
  });

  test("a directory that another process has open, until that is killed", async () => {
    const directory = await closedLedger();
    await using holder = spawnHolder(directory);
    await holder.ready;
    expect(await openFailure(directory)).toMatchObject({ kind: "locked" });
    // A refused attempt must not release the lock of another instance in this process or another.
    expect(await openFailure(directory)).toMatchObject({ kind: "locked" });
    await holder.kill();
    await using store = await disposable(open(directory));
    expect((await store.store.head("c"))?.latest).toBe(50);
  });

  test.skipIf(!canMount)("a read-only file system (needs the right to mount one)", async () => {
    using tmpfs = mountTmpfs(4096);
    const path = tmpfs?.path ?? "";
    await (await open(path)).close();
    tmpfs?.remount("ro");
    expect(await openFailure(path)).toMatchObject({
      kind: "read-only",
      message: expect.stringMatching(/its file system is read-only; mount it writable/),
    });
    expect(await openFailure(join(path, "new"))).toMatchObject({ kind: "read-only" });
    tmpfs?.remount("rw");
    await (await open(path)).close();
  });

  test.skipIf(!canMount)(
    "a file system without space for a ledger (needs the right to mount one)",
    async () => {
      using tmpfs = mountTmpfs(64);
      const path = tmpfs?.path ?? "";
      writeFileSync(join(path, "ballast"), new Uint8Array(56 * 1024));
      expect(await openFailure(path)).toMatchObject({
        kind: "no-space",
        message: expect.stringMatching(/no space is left.*free some/),
      });
      rmSync(join(path, "ballast"));
      tmpfs?.remount("rw");
    },
  );

  const canDropRights = process.getuid?.() === 0 && Bun.which("setpriv") !== null;
  test.skipIf(process.getuid?.() === 0 && !canDropRights)(
    "a directory of another user (needs setpriv when run as root)",
    async () => {
      const directory = await closedLedger();
      chmodSync(directory, 0o500);
      const result = openAsNobody(directory, canDropRights);
      expect(result).toMatchObject({ kind: "read-only" });
      expect(result.message).toMatch(/this user may not read and write it; change its owner or mode/);
      chmodSync(directory, 0o700);
    },
  );
});

describe("openSqliteStore()", () => {
  test("makes the directory and its files for their owner only", async () => {
    temporary = temporaryDirectory();
    const directory = join(temporary.path, "a", "b");
    await using store = await disposable(open(directory));
    await append(store.store, "c", 1);
    const modes = ["", "ledger.db", "ledger.db-wal", "ledger.lock"].map(
      (name) => statSync(join(directory, name)).mode & 0o777,
    );
    expect(modes).toEqual([0o700, 0o600, 0o600, 0o600]);
  });

  test("takes an empty directory that someone else made", async () => {
    temporary = temporaryDirectory();
    mkdirSync(join(temporary.path, "mine"), { mode: 0o755 });
    await (await open(join(temporary.path, "mine"))).close();
  });

  test("takes what a crash in the middle of creating it left", async () => {
    temporary = temporaryDirectory();
    writeFileSync(join(temporary.path, "ledger.lock"), "");
    writeFileSync(join(temporary.path, "ledger.db"), "");
    await using store = await disposable(open(temporary.path));
    expect((await append(store.store, "c", 1)).latest).toBe(1);
  });

  test("finds after closing what was committed, and starts with an empty write-ahead log", async () => {
    const directory = await closedLedger();
    expect(existsSync(join(directory, "ledger.db-wal"))).toBe(false);
    await using store = await disposable(open(directory));
    const head = await store.store.head("c");
    expect(head?.latest).toBe(50);
    expect((await sequencesOf(store.store, head?.log ?? 0)).length).toBe(50);
  });
});

async function disposable(
  opening: Promise<SqliteStore>,
): Promise<AsyncDisposable & { readonly store: SqliteStore }> {
  const store = await opening;
  return { store, [Symbol.asyncDispose]: () => store.close() };
}

interface Holder extends AsyncDisposable {
  readonly ready: Promise<void>;
  kill(): Promise<void>;
}

/** Starts a process that opens the directory and waits to be killed. */
function spawnHolder(directory: string): Holder {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "child-holder.ts"), directory], {
    stdout: "pipe",
  });
  const kill = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return { ready: firstLine(child.stdout), kill, [Symbol.asyncDispose]: kill };
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<void> {
  const reader = stream.getReader();
  const { done } = await reader.read();
  if (done) throw new Error("the child ended before it was ready");
  reader.releaseLock();
}

/** Opens the directory in a process without rights to it and returns its error. */
function openAsNobody(directory: string, dropRights: boolean): { kind: string; message: string } {
  const command = [process.execPath, join(import.meta.dir, "child-open.ts"), directory];
  const unprivileged = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", ...command];
  const child = Bun.spawnSync(dropRights ? unprivileged : command);
  return JSON.parse(child.stdout.toString()) as { kind: string; message: string };
}
