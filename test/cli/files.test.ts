/**
 * What commands read and write: files, and what has the name of one but is a pipe, a device, a link or
 * a folder.
 *
 * @module
 */

import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { lstat, mkdir, open, readdir, readlink, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { runCli } from "../../src/cli/cli.ts";
import { systemErrorText } from "../../src/core/system-error-text.ts";
import { type CliServer, startCliServer } from "../support/cli-server.ts";
import { clientTools } from "./client-tools.ts";
import { type MemoryIo, memoryIo } from "../support/memory-io.ts";

setDefaultTimeout(30_000);
const isPosix = process.platform !== "win32";
const makesPipes = Bun.which("mkfifo") !== null;
const makesDevices = Bun.which("mknod") !== null && process.getuid?.() === 0;
let server: CliServer;
let folder: string;

beforeAll(async () => {
  server = await startCliServer();
  await cli(["append", "demo", "k", "x".repeat(500_000)]);
  await Bun.write(`${server.folder}/noise`, crypto.getRandomValues(new Uint8Array(3_000_000)));
  await cli(["append", "noise", "k", "-i", `${server.folder}/noise`]);
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

beforeEach(async () => {
  folder = `${server.folder}/${crypto.randomUUID()}`;
  await mkdir(folder);
});

const summary = /^1 entry, \S+ \S+, root 1:[0-9a-f]{64}\n$/;

describe("snapshot -o", () => {
  test.each([[[]], [["--force"]]])("writes a new file, with %p", async (flags) => {
    expect(await save("new", flags)).toMatchObject({ code: 0, out: expect.stringMatching(summary), err: "" });
    await expectSnapshot("new");
    expect(await readdir(folder)).toEqual(["new"]);
  });

  test("replaces a regular file with --force alone", async () => {
    await Bun.write(`${folder}/old`, "old");
    expect(await save("old")).toEqual({
      code: 1,
      out: "",
      err: `error: ${folder}/old exists; use --force to replace it\n`,
    });
    expect(await Bun.file(`${folder}/old`).text()).toBe("old");
    expect((await save("old", ["--force"])).code).toBe(0);
    await expectSnapshot("old");
    expect(await readdir(folder)).toEqual(["old"]);
  });

  test("follows a symbolic link to the file it replaces, and leaves the link", async () => {
    await mkdir(`${folder}/elsewhere`);
    await Bun.write(`${folder}/elsewhere/old`, "old");
    await symlink("elsewhere/old", `${folder}/link`);
    expect((await save("link")).err).toContain("link exists; use --force");
    expect((await save("link", ["--force"])).code).toBe(0);
    expect(await readlink(`${folder}/link`)).toBe("elsewhere/old");
    await expectSnapshot("elsewhere/old");
    expect(await readdir(`${folder}/elsewhere`)).toEqual(["old"]);
  });

  test.each([[[]], [["--force"]]])("refuses a symbolic link to nothing, with %p", async (flags) => {
    await symlink("nothing", `${folder}/link`);
    expect(await save("link", flags)).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringContaining("link is a symbolic link to nothing, which does not exist"),
    });
    expect(await readlink(`${folder}/link`)).toBe("nothing");
    expect(await readdir(folder)).toEqual(["link"]);
  });

  test.each([[[]], [["--force"]]])("refuses a directory, with %p", async (flags) => {
    expect(await save("", flags)).toMatchObject({ code: 1, err: expect.stringContaining("is a directory;") });
  });

  test.skipIf(!isPosix)("refuses a socket, with --force too", async () => {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(`${folder}/socket`, resolve));
    try {
      expect((await save("socket", ["--force"])).err).toContain("socket is a socket; name a file");
      expect((await lstat(`${folder}/socket`)).isSocket()).toBe(true);
    } finally {
      listener.close();
    }
  });

  test.skipIf(!makesPipes).each([[[]], [["--force"]]])(
    "writes into a named pipe, with %p (needs mkfifo)",
    async (flags) => {
      await makeNode("pipe", ["mkfifo"]);
      const reader = Bun.spawn(["cat", `${folder}/pipe`]);
      const [bytes, result] = await Promise.all([reader.stdout.bytes(), save("pipe", flags)]);
      expect(result).toMatchObject({ code: 0, out: expect.stringMatching(summary) });
      await Bun.write(`${folder}/read`, bytes);
      await expectSnapshot("read");
      expect((await lstat(`${folder}/pipe`)).isFIFO()).toBe(true);
    },
  );

  test.skipIf(!makesPipes)("fails if the reader of a named pipe goes away (needs mkfifo)", async () => {
    await makeNode("pipe", ["mkfifo"]);
    const reader = Bun.spawn(["head", "-c", "1", `${folder}/pipe`]);
    const { code, err } = await cli(["snapshot", "noise", "-o", `${folder}/pipe`]);
    await reader.exited;
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining("EPIPE") });
  });

  test.skipIf(!makesPipes)(
    "ends when it is interrupted while nobody opens a named pipe (needs mkfifo)",
    async () => {
      await makeNode("pipe", ["mkfifo"]);
      const { interrupt, ended } = await interruptible(["snapshot", "demo", "-o", `${folder}/pipe`]);
      // Long enough for the pipe to be opened; it is no failure if it is not.
      for (let turn = 0; turn < 20; turn += 1) await lstat(folder);
      interrupt();
      expect(await ended).toBe(130);
      // What opened the pipe goes on until somebody reads.
      await Bun.spawn(["cat", `${folder}/pipe`], { timeout: 1000 }).exited;
    },
  );

  test.skipIf(!makesPipes)(
    "ends when it is interrupted while a named pipe is full (needs mkfifo)",
    async () => {
      await makeNode("pipe", ["mkfifo"]);
      await using pipe = await open(`${folder}/pipe`, "r+");
      const { interrupt, ended } = await interruptible(["snapshot", "noise", "-o", `${folder}/pipe`]);
      expect((await pipe.read(new Uint8Array(1))).bytesRead).toBe(1);
      interrupt();
      expect(await ended).toBe(130);
      await pipe.read(new Uint8Array(1_000_000));
    },
  );

  test.skipIf(!isPosix)("writes into a device without --force, and it stays one", async () => {
    expect(await cli(["snapshot", "demo", "-o", "/dev/null"])).toMatchObject({
      code: 0,
      out: expect.stringMatching(summary),
    });
    expect((await lstat("/dev/null")).isCharacterDevice()).toBe(true);
  });

  test.skipIf(!makesDevices)("never replaces a device, with --force too (needs mknod and root)", async () => {
    await makeNode("null", ["mknod"], ["c", "1", "3"]);
    expect((await save("null", ["--force"])).code).toBe(0);
    expect((await lstat(`${folder}/null`)).isCharacterDevice()).toBe(true);
    await makeNode("disk", ["mknod"], ["b", "7", "250"]);
    expect((await save("disk", ["--force"])).err).toContain("disk is a block device; name a file");
    expect((await lstat(`${folder}/disk`)).isBlockDevice()).toBe(true);
  });

  test.each(["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])(
    "%s is standard output, and the summary goes elsewhere",
    async (name) => {
      const { code, out, err } = await cli(["snapshot", "demo", "-o", name]);
      expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(summary) });
      expect(out).toStartWith("CLSNAP3");
    },
  );

  test.each(["-", "/dev/stdout"])("%s is refused if it is a terminal", async (name) => {
    const io = memoryFor({ isTerminal: true });
    expect(await runCli(["snapshot", "demo", "-o", name], io, clientTools)).toBe(2);
    expect(io.written.err()).toContain("standard output is a terminal");
  });
});

describe("load", () => {
  test("blames a directory, not the server", async () => {
    const text = `cannot read ${folder}: EISDIR: illegal operation on a directory`;
    expect(await cli(["load", "x", folder])).toEqual({ code: 1, out: "", err: `error: ${text}\n` });
    const { error } = JSON.parse((await cli(["load", "x", folder, "--json"])).err);
    expect(error).toEqual({ code: "FAILED_PRECONDITION", reason: "EISDIR", message: text });
  });

  test("blames a file that is missing, before it looks for a server", async () => {
    const { code, err } = await cli(["load", "x", `${folder}/nope`, "--url", "http://127.0.0.1:1"]);
    expect({ code, err }).toEqual({
      code: 1,
      err: `error: cannot read ${folder}/nope: ENOENT: no such file or directory\n`,
    });
  });

  test("blames standard input that breaks off, and loads nothing", async () => {
    await save("whole");
    const whole = await Bun.file(`${folder}/whole`).bytes();
    const io = memoryFor();
    const bytes = async function* (): AsyncGenerator<Uint8Array, void> {
      yield whole.subarray(0, whole.length / 2);
      throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
    };
    const code = await runCli(["load", "broken", "-"], { ...io, stdin: { ...io.stdin, bytes } }, clientTools);
    expect(code).toBe(1);
    expect(io.written.err()).toBe("error: cannot read standard input: EIO: i/o error\n");
    expect((await cli(["get", "broken"])).out).toBe("");
  });

  test("still says that no server answers where none does", async () => {
    await save("whole");
    const { err } = await cli(["load", "x", `${folder}/whole`, "--url", "http://127.0.0.1:1"]);
    expect(err).toStartWith("error: no ledger answers at http://127.0.0.1:1 ");
  });

  test("takes a version 1 snapshot only with --allow-unverified, and says that it is not verified", async () => {
    const vectors = `${import.meta.dir}/../vectors/first-implementation/snapshots`;
    const old = `${vectors}/corrupt/v1_snapshot.bin`;
    const refused = await cli(["load", "ten-ctx", old]);
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.err).toContain("Snapshot is version 1, which has no root");
    expect((await cli(["load", "v1 text", old, "--allow-unverified"])).out).toBe(
      "10 entries in the snapshot, 10 added, newest sequence 10, not verified: the snapshot carries no root\n",
    );
    const { out } = await cli(["load", "v1 json", old, "--allow-unverified", "--json"]);
    expect(JSON.parse(out)).toMatchObject({ entriesAdded: "10", unverified: true });
  });

  test("verifies a version 2 snapshot, also with --allow-unverified", async () => {
    const vectors = `${import.meta.dir}/../vectors/first-implementation/snapshots`;
    expect((await cli(["load", "v2", `${vectors}/ten_metadata.bin`, "--allow-unverified"])).out).toBe(
      "10 entries in the snapshot, 10 added, newest sequence 10\n",
    );
    const wrong = await cli(["load", "v2 wrong", `${vectors}/corrupt/wrong_root.bin`, "--allow-unverified"]);
    expect(wrong).toMatchObject({ code: 1, out: "" });
  });

  test("counts one entry as one", async () => {
    await save("one");
    expect((await cli(["load", "one", `${folder}/one`])).out).toBe(
      "1 entry in the snapshot, 1 added, newest sequence 1\n",
    );
  });
});

describe("append", () => {
  const tooLarge =
    "Payload exceeds maximum allowed size: at least 4194305 bytes, more than 4194304; store the content elsewhere and append its address and hash, or split it";

  test.each([[4_194_305], [5_000_000]])(
    "refuses %p bytes from a file and from standard input alike",
    async (size) => {
      await Bun.write(`${folder}/large`, new Uint8Array(size));
      const input = "\0".repeat(size);
      const expected = { code: 1, out: "", err: `error: ${tooLarge}\n` };
      expect(await cli(["append", "large", "k", "-i", `${folder}/large`])).toEqual(expected);
      expect(await cli(["append", "large", "k", "-"], { input })).toEqual(expected);
      const { error } = JSON.parse((await cli(["append", "large", "k", "-", "--json"], { input })).err);
      expect(error).toMatchObject({
        code: "RESOURCE_EXHAUSTED",
        reason: "PAYLOAD_TOO_LARGE",
        message: tooLarge,
        field: "payload",
        limit: "4194304",
        remedy: "store the content elsewhere and append its address and hash, or split it",
      });
    },
  );

  test("refuses what is too large in the words of the server", async () => {
    const input = `${JSON.stringify({ key: "k", text: "x".repeat(4_194_305) })}\n`;
    const { err } = await cli(["append", "large", "--json-lines"], { input });
    expect(err).toContain(`error: ${tooLarge.replace("at least ", "")}\n`);
  });

  test("takes 4194304 bytes from a file and from standard input", async () => {
    await Bun.write(`${folder}/full`, new Uint8Array(4_194_304));
    expect((await cli(["append", "full", "k", "-i", `${folder}/full`])).out).toMatch(/^1 /);
    expect((await cli(["append", "full", "k", "-"], { input: "\0".repeat(4_194_304) })).out).toMatch(/^2 /);
  });

  test("does not wait for the end of an input that is too large", async () => {
    const endless = async function* (): AsyncGenerator<Uint8Array, void> {
      for (;;) yield new Uint8Array(65_536);
    };
    const io = memoryFor();
    const code = await runCli(
      ["append", "large", "k", "-"],
      { ...io, stdin: { ...io.stdin, bytes: endless } },
      clientTools,
    );
    expect({ code, err: io.written.err() }).toEqual({ code: 1, err: `error: ${tooLarge}\n` });
  });

  test.each([[["k"]], [["--json-lines"]]])("names an input that is a directory, with %p", async (args) => {
    const { code, err } = await cli(["append", "x", ...args, "-i", folder, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(err).error).toMatchObject({
      reason: "EISDIR",
      message: expect.stringContaining(`cannot read ${folder}: EISDIR: illegal operation on a directory`),
    });
  });
});

test("systemErrorText() leaves out the call and its path, and other texts as they are", () => {
  for (const [message, expected] of [
    ["ENOENT: no such file or directory, open '/a, b'", "ENOENT: no such file or directory"],
    ["EISDIR: illegal operation on a directory, read", "EISDIR: illegal operation on a directory"],
    ["the pipe, which was open, broke", "the pipe, which was open, broke"],
  ] as const)
    expect(systemErrorText(new Error(message))).toBe(expected);
});

interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function save(name: string, flags: readonly string[] = []): Promise<CliResult> {
  return cli(["snapshot", "demo", "-o", `${folder}/${name}`, ...flags]);
}

async function cli(args: readonly string[], options: { input?: string } = {}): Promise<CliResult> {
  const io = memoryFor(options);
  const code = await runCli(args, io, clientTools);
  return { code, out: io.written.out(), err: io.written.err() };
}

function memoryFor(options: { input?: string; isTerminal?: boolean } = {}): MemoryIo {
  return memoryIo({ ...options, env: { CONVERGE_LEDGER_URL: server.url } });
}

/** A snapshot is whole if it can be loaded. */
async function expectSnapshot(name: string): Promise<void> {
  const context = crypto.randomUUID();
  expect(await cli(["load", context, `${folder}/${name}`, "--fail-if-exists"])).toMatchObject({ code: 0 });
}

async function makeNode(
  name: string,
  [command]: readonly [string],
  kind: readonly string[] = [],
): Promise<void> {
  expect(await Bun.spawn([command, `${folder}/${name}`, ...kind]).exited).toBe(0);
}

/** Runs a command until it can be interrupted. */
async function interruptible(
  args: readonly string[],
): Promise<{ readonly interrupt: () => void; readonly ended: Promise<number> }> {
  const listening = Promise.withResolvers<() => void>();
  const onInterrupt = (callback: () => void): (() => void) => {
    listening.resolve(callback);
    return () => {};
  };
  const ended = runCli(args, { ...memoryFor(), onInterrupt }, clientTools);
  return { interrupt: await listening.promise, ended };
}
