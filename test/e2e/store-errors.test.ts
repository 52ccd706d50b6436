/** Data directories that cannot be used, at the level of the executable: a clear message, exit code 1, nothing changed. */

import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { canMount, mountTmpfs } from "../store/tmpfs.ts";
import { fetchClient } from "../support/fetch-client.ts";
import { answerOf } from "../support/interop-client.ts";
import { runExecutable, startServerProcess } from "../support/server-process.ts";
import { patienceMs, within } from "../support/until.ts";

setDefaultTimeout(4 * patienceMs);

const service = "converge.context.v1.ContextService";

const serve = (data: string): ReturnType<typeof runExecutable> =>
  runExecutable(["serve", "--data", data, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]);

/** Makes a ledger of ten entries in `data` and stops its server. */
async function makeLedger(data: string): Promise<void> {
  await using server = await startServerProcess({ data });
  for (let i = 0; i < 10; i += 1)
    await answerOf(fetchClient(server.url), `${service}/Append`, {
      contextId: "c",
      key: "k",
      payload: btoa("x".repeat(2000)),
    });
  server.signal("SIGTERM");
  expect(await within("the end", server.exited)).toBe(0);
}

/** Returns name and content of every file below a directory. */
function contentsOf(directory: string): Record<string, string> {
  const paths = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((path) =>
    statSync(join(directory, path)).isFile(),
  );
  return Object.fromEntries(
    paths.map((path) => [
      path,
      createHash("sha256")
        .update(readFileSync(join(directory, path)))
        .digest("hex"),
    ]),
  );
}

interface Spoiled {
  readonly name: string;
  readonly spoil: (data: string) => void;
  readonly message: RegExp;
}

const spoiled: readonly Spoiled[] = [
  {
    name: "a newer schema",
    spoil: (data) => {
      using db = new Database(join(data, "ledger.db"), { readwrite: true });
      db.run("INSERT INTO migration VALUES (99, 'later', 'x', 0)");
    },
    message: /version 99.*newer program/,
  },
  {
    name: "a file that is no ledger",
    spoil: (data) => writeFileSync(join(data, "ledger.db"), "to do: water the plants\n".repeat(1000)),
    message: /not a ledger/,
  },
  {
    name: "a ledger that is cut short",
    spoil: (data) => truncateSync(join(data, "ledger.db"), 3 * 4096),
    message: /damaged or cut short/,
  },
  {
    name: "a ledger that is missing where one was",
    spoil: (data) => rmSync(join(data, "ledger.db")),
    message: /empty or missing/,
  },
];

describe("serve refuses", () => {
  test.each(spoiled.map((bad) => [bad.name, bad] as const))("%s", async (_, { spoil, message }) => {
    using directory = temporaryDirectory();
    await makeLedger(directory.path);
    spoil(directory.path);
    const before = contentsOf(directory.path);
    const { code, stdout, stderr } = await serve(directory.path);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(message);
    expect(stderr).toContain(join(directory.path, "ledger.db"));
    expect(stderr).not.toMatch(/\bat .*\.ts:\d+/);
    expect(contentsOf(directory.path)).toEqual(before);
  });

  test("a data path that is a file, and one below a file", async () => {
    using directory = temporaryDirectory();
    const file = join(directory.path, "file");
    writeFileSync(file, "mine");
    for (const data of [file, join(file, "deeper")]) {
      const { code, stdout, stderr } = await serve(data);
      expect([code, stdout, stderr]).toEqual([1, "", expect.stringContaining("is a file")]);
    }
    expect(contentsOf(directory.path)).toEqual({ file: createHash("sha256").update("mine").digest("hex") });
  });

  test("a directory that another process serves, which goes on undisturbed; kill -9 frees it", async () => {
    using directory = temporaryDirectory();
    await using first = await startServerProcess({ data: directory.path });
    const append = (url: string): Promise<unknown> =>
      answerOf(fetchClient(url), `${service}/Append`, { contextId: "c", key: "k" });
    await append(first.url);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { code, stdout, stderr } = await serve(directory.path);
      expect([code, stdout, stderr]).toEqual([1, "", expect.stringContaining("another process has it open")]);
    }
    expect(await append(first.url)).toMatchObject({ entry: { sequence: "2" } });
    await first.kill();
    await using second = await startServerProcess({ data: directory.path });
    expect(await append(second.url)).toMatchObject({ entry: { sequence: "3" } });
  });

  test("ports that are taken, naming the address, with the data directory free again", async () => {
    using directory = temporaryDirectory();
    await using other = await startServerProcess();
    for (const [grpc, http] of [
      [other.grpcPort, 0],
      [0, other.httpPort],
    ]) {
      const listeners = ["--grpc", `127.0.0.1:${grpc}`, "--http", `127.0.0.1:${http}`];
      const { code, stdout, stderr } = await runExecutable(["serve", "--data", directory.path, ...listeners]);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(/EADDRINUSE|in use/);
      expect(stderr).toContain(String(grpc === 0 ? http : grpc));
    }
    await makeLedger(directory.path);
  });

  test.skipIf(!canMount)("a read-only file system (needs the right to mount)", async () => {
    using tmpfs = mountTmpfs(16_384);
    const path = tmpfs?.path ?? "";
    const data = join(path, "ledger");
    mkdirSync(data);
    await makeLedger(data);
    const before = contentsOf(path);
    tmpfs?.remount("ro");
    for (const directory of [data, join(path, "new")]) {
      const { code, stdout, stderr } = await serve(directory);
      expect([code, stdout, stderr]).toEqual([1, "", expect.stringMatching(/read-only/)]);
    }
    expect(contentsOf(path)).toEqual(before);
    tmpfs?.remount("rw");
    await using again = await startServerProcess({ data });
    expect(
      await answerOf(fetchClient(again.url), `${service}/Get`, { contextId: "c", limit: 1 }),
    ).toMatchObject({ latestSequence: "10" });
  });
});
