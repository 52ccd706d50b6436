/**
 * The built executable, as a user runs it.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { builtExecutable } from "../support/built-executable.ts";
import { type CliServer, startCliServer } from "../support/cli-server.ts";
import { lines } from "../support/lines.ts";

setDefaultTimeout(30_000);
let executable: string;
let server: CliServer;

beforeAll(async () => {
  executable = await builtExecutable();
  server = await startCliServer();
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describe("append and get", () => {
  test("keep every byte, from an argument, standard input and a file", async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(70_000));
    await Bun.write(`${server.folder}/payload`, bytes);
    expect(await cli(["append", "bytes", "k", "ends with a newline\n"])).toMatchObject({
      code: 0,
      err: "",
    });
    expect(await cli(["append", "bytes", "k", "-"], { input: bytes })).toMatchObject({ code: 0, err: "" });
    expect(await cli(["append", "bytes", "k", "-i", `${server.folder}/payload`])).toMatchObject({
      code: 0,
      err: "",
    });
    expect(await cli(["append", "bytes", "k", ""])).toMatchObject({ code: 0, err: "" });
    const { raw } = await cli(["get", "bytes", "--format", "raw"]);
    expect(raw).toEqual(Buffer.concat([Buffer.from("ends with a newline\n"), bytes, bytes]));
  });

  test("print the sequence and the id, and answer a repeated idempotency key with the first entry", async () => {
    const args = ["append", "once", "k", "x", "--idempotency-key", "one"];
    const first = await cli(args);
    expect(first.out).toMatch(/^1 [0-9a-f]{32}\n$/);
    expect((await cli(args)).out).toBe(`${first.out.trim()} duplicate\n`);
    const { entry, duplicate } = JSON.parse((await cli([...args, "--json"])).out);
    expect({ duplicate, sequence: entry.sequence, payload: entry.payload }).toEqual({
      duplicate: true,
      sequence: "1",
      payload: "eA==",
    });
  });

  test("get reads a range, a number and a key", async () => {
    for (const [key, text] of [
      ["a", "1"],
      ["b", "2"],
      ["a", "3"],
      ["b", "4"],
    ] as const)
      await cli(["append", "range", key, text]);
    expect((await cli(["get", "range", "--after", "1", "-n", "2", "--format", "raw"])).out).toBe("23");
    expect((await cli(["get", "range", "--key", "b", "--format", "raw"])).out).toBe("24");
    expect(await cli(["get", "range", "-n", "0"])).toMatchObject({ code: 0, out: "" });
    expect(await cli(["get", "nothing"])).toMatchObject({ code: 0, out: "", err: "" });
    expect(
      (await cli(["get", "range", "--json"])).out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).sequence),
    ).toEqual(["1", "2", "3", "4"]);
  });

  test("report what the server refused, as text and as JSON", async () => {
    const text = await cli(["append", "refused", "", "x"]);
    expect({ code: text.code, out: text.out }).toEqual({ code: 1, out: "" });
    expect(text.err).toMatch(/^error: key /);
    const { error } = JSON.parse((await cli(["append", "refused", "", "x", "--json"])).err);
    expect(error).toMatchObject({
      code: "INVALID_ARGUMENT",
      field: "key",
      reason: expect.any(String),
      remedy: expect.any(String),
    });
  });

  test("get ends quietly when its reader has enough", async () => {
    const input = Array.from({ length: 3000 }, (_, index) =>
      JSON.stringify({ text: `${index}`.padEnd(200) }),
    ).join("\n");
    await cli(["append", "many", "k", "--json-lines"], { input });
    const script = `"$0" get many | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const child = Bun.spawn(["bash", "-c", script, executable], {
      env: { CONVERGE_LEDGER_URL: server.url, PATH: "/usr/bin:/bin" },
      stderr: "pipe",
    });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect(out).toMatch(/^1\t[^\n]*\n0\n$/);
    expect(err).toBe("");
  });
});

describe("append --json-lines", () => {
  test("appends every line in order and prints a receipt for each", async () => {
    const input = Array.from({ length: 2500 }, (_, index) =>
      JSON.stringify({ key: index % 2 === 0 ? "even" : "odd", json: index }),
    );
    const { code, out } = await cli(["append", "lines", "--json-lines", "--json"], {
      input: input.join("\n"),
    });
    expect(code).toBe(0);
    expect(
      out
        .trim()
        .split("\n")
        .map((line) => Number(JSON.parse(line).sequence)),
    ).toEqual(input.map((_, index) => index + 1));
    expect((await cli(["get", "lines", "--key", "odd", "-n", "3", "--format", "raw"])).out).toBe("135");
  });

  test("copies a context from what get --json prints", async () => {
    const { out } = await cli(["get", "lines", "-n", "20", "--json"]);
    expect((await cli(["append", "copied", "--json-lines"], { input: out })).code).toBe(0);
    const fields = (text: string) =>
      text
        .trim()
        .split("\n")
        .map((line) => (({ key, payload, sequence }) => ({ key, payload, sequence }))(JSON.parse(line)));
    expect(fields((await cli(["get", "copied", "--json"])).out)).toEqual(fields(out));
  });

  test("names the line that is wrong, after it appended those before it", async () => {
    const { code, err } = await cli(["append", "wrong", "k", "--json-lines"], {
      input: '{"text":"1"}\n\n{"text":"2"}\n{"txt":"3"}\n{"text":"4"}\n',
    });
    expect(code).toBe(1);
    expect(err).toContain('line 4: unknown field "txt"');
    expect(err).toContain("2 entries were appended before it");
    expect((await cli(["get", "wrong", "--format", "raw"])).out).toBe("12");
  });

  test("appends a line as soon as it comes, and ends when the server refuses though more could come", async () => {
    await using child = spawn(["append", "live", "k", "--json-lines"]);
    const output = lines(child.process.stdout);
    await child.process.stdin.write('{"text":"1"}\n');
    await child.process.stdin.flush();
    expect((await output.next()).value).toMatch(/^1 /);
    await child.process.stdin.write('{"key":"","text":"2"}\n');
    await child.process.stdin.flush();
    expect(await child.process.exited).toBe(1);
    expect(await child.process.stderr.text()).toContain("lines 2 to 2 were not appended");
  });
});

describe("tail", () => {
  test("prints the last entries, also of one key", async () => {
    const input = Array.from({ length: 100 }, (_, index) =>
      JSON.stringify({ key: index % 50 === 0 ? "rare" : "k", text: `${index} ` }),
    ).join("\n");
    await cli(["append", "tail", "--json-lines"], { input });
    expect((await cli(["tail", "tail", "-n", "3", "--format", "raw"])).out).toBe("97 98 99 ");
    expect((await cli(["tail", "tail", "-n", "1", "--key", "rare", "--format", "raw"])).out).toBe("50 ");
    expect((await cli(["tail", "tail", "-n", "9", "--key", "rare", "--format", "raw"])).out).toBe("0 50 ");
    expect((await cli(["tail", "tail"])).out.trim().split("\n")).toHaveLength(10);
    expect(await cli(["tail", "nothing"])).toMatchObject({ code: 0, out: "" });
  });

  test("-f follows across restarts of the server without a gap or a repeat, and ends with 130", async () => {
    await using own = await startCliServer();
    const append = (text: string) => cli(["append", "follow", "k", text], { url: own.url });
    await append("1");
    await append("2");
    await using child = spawn(["tail", "follow", "-n", "1", "-f", "--json"], { url: own.url });
    const output = lines(child.process.stdout);
    const next = async (): Promise<string> => JSON.parse((await output.next()).value ?? "{}").sequence;
    expect(await next()).toBe("2");
    await append("3");
    expect(await next()).toBe("3");
    await own.kill();
    await own.start();
    await append("4");
    expect(await next()).toBe("4");
    await append("5");
    expect(await next()).toBe("5");
    child.process.kill("SIGINT");
    expect(await child.process.exited).toBe(130);
    expect(await child.process.stderr.text()).toBe("");
  });

  test("-n 0 -f begins with what is appended from now on", async () => {
    await cli(["append", "now", "k", "old"]);
    await using child = spawn(["tail", "now", "-n", "0", "-f", "--format", "raw"]);
    const reader = child.process.stdout.getReader();
    const first = reader.read();
    // It may not be watching yet: what is appended before it is must not be printed, what comes after must.
    const seen = await Promise.race([first, appendUntil(first)]);
    expect(Buffer.from(seen?.value ?? []).toString()).toMatch(/^(new)+$/);
  });

  async function appendUntil<T>(done: Promise<T>): Promise<T> {
    let ended = false;
    const end = (): void => {
      ended = true;
    };
    void done.then(end, end);
    while (!ended) await cli(["append", "now", "k", "new"]);
    return await done;
  }
});

describe("snapshot and load", () => {
  test("copy a context through a file and through pipes", async () => {
    const payload = crypto.getRandomValues(new Uint8Array(3_000_000));
    for (let i = 0; i < 3; i += 1) await cli(["append", "large", "k", "-"], { input: payload });
    const file = `${server.folder}/large.cls`;
    const saved = JSON.parse((await cli(["snapshot", "large", "-o", file, "--json"])).out);
    expect(saved).toMatchObject({
      contextId: "large",
      file,
      sequence: "3",
      sizeBytes: `${Bun.file(file).size}`,
      metadata: { entryCount: "3", version: 3 },
    });
    const loaded = await cli([
      "load",
      "large2",
      file,
      "--fail-if-exists",
      "--expect-root",
      saved.expectedRoot,
      "--json",
    ]);
    expect(JSON.parse(loaded.out)).toMatchObject({
      entriesRestored: "3",
      entriesAdded: "3",
      latestSequence: "3",
    });
    expect((await cli(["get", "large2", "--format", "raw"])).raw).toEqual(
      Buffer.concat([payload, payload, payload]),
    );

    const piped = await cli(["snapshot", "large", "-o", "-"]);
    expect(piped.err).toMatch(/^3 entries, 9\.0 MB, root 3:[0-9a-f]{64}\n$/);
    expect((await cli(["load", "large3", "-"], { input: piped.raw })).out).toBe(
      "3 entries in the snapshot, 3 added, newest sequence 3\n",
    );
  });

  test("refuse what exists, another root and a damaged file, and leave nothing behind", async () => {
    const folder = `${server.folder}/refusals`;
    await mkdir(folder);
    const file = `${folder}/small.cls`;
    await cli(["append", "small", "k", "x"]);
    await cli(["snapshot", "small", "-o", file]);
    expect(await cli(["snapshot", "small", "-o", file])).toMatchObject({
      code: 1,
      err: expect.stringContaining("--force"),
    });
    expect((await cli(["snapshot", "small", "-o", file, "--force"])).code).toBe(0);
    expect(await cli(["load", "small", file, "--fail-if-exists"])).toMatchObject({ code: 1, out: "" });
    const root = `1:${"0".repeat(64)}`;
    expect(await cli(["load", "small2", file, "--expect-root", root])).toMatchObject({ code: 1, out: "" });
    const damaged = await Bun.file(file).bytes();
    damaged[damaged.length - 40] = (damaged.at(-40) ?? 0) ^ 1;
    const refused = await cli(["load", "small2", "-", "--json"], { input: damaged });
    expect(JSON.parse(refused.err).error.code).toBe("INVALID_ARGUMENT");
    expect((await cli(["get", "small2"])).out).toBe("");
    expect(await readdir(folder)).toEqual(["small.cls"]);
  });

  test("a snapshot that cannot be had leaves no file", async () => {
    const folder = `${server.folder}/unreachable`;
    await mkdir(folder);
    const { code } = await cli(["snapshot", "small", "-o", `${folder}/x`], { url: "http://127.0.0.1:1" });
    expect(code).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("the rest", () => {
  test("ls lists contexts by prefix, page by page", async () => {
    for (const id of ["ls/b", "ls/a", "ls/\u{1b}[2J".replace("\u{1b}", "é"), "lt"])
      await cli(["append", id, "k", "x"]);
    const ids = (out: string) =>
      out
        .trim()
        .split("\n")
        .map((line) => line.split("\t")[0]);
    expect(ids((await cli(["ls", "ls/"])).out)).toEqual(["ls/a", "ls/b", "ls/é[2J"]);
    expect(ids((await cli(["ls", "ls/", "--start-after", "ls/a", "-n", "1"])).out)).toEqual(["ls/b"]);
    expect(JSON.parse((await cli(["ls", "ls/a", "--json"])).out)).toMatchObject({
      contextId: "ls/a",
      latestSequence: "1",
      bytes: "2",
    });
  });

  test("status tells by its exit code whether the server is ready", async () => {
    expect((await cli(["status"])).out).toMatch(/^(\[\+\]\S+ ok\n)+cluster none: /);
    expect(JSON.parse((await cli(["status", "--json"])).out)).toMatchObject({
      url: server.url,
      ready: true,
    });
    expect(await cli(["status", "--quiet"])).toMatchObject({ code: 0, out: "", err: "" });
    expect(await cli(["status", "--quiet"], { url: "http://127.0.0.1:1" })).toMatchObject({
      code: 1,
      out: "",
      err: "",
    });
  });

  test.each([
    [["get", "demo"]],
    [["append", "demo", "k", "x"]],
    [["tail", "demo", "-f"]],
    [["ls"]],
    [["status"]],
    [["load", "demo", "/dev/null"]],
  ])("%p says what to do when no server answers", async (args) => {
    const url = "http://127.0.0.1:1";
    expect(await cli(args, { url })).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringContaining('"converge-ledger serve"'),
    });
    const { error } = JSON.parse((await cli([...args, "--json"], { url })).err);
    expect(error).toMatchObject({ code: "UNAVAILABLE", reason: "UNREACHABLE", value: url });
  });

  test("nothing in the folder it runs in changes what it does", async () => {
    const folder = `${server.folder}/hostile`;
    await mkdir(folder);
    await Bun.write(`${folder}/.env`, "CONVERGE_LEDGER_DATA=/evil\n");
    await Bun.write(`${folder}/bunfig.toml`, 'preload = ["./evil.ts"]\n');
    await Bun.write(`${folder}/evil.ts`, 'console.log("evil");\n');
    const { out } = await cli(["config"], { cwd: folder });
    expect(out).toContain("data\t./ledger-data\tdefault\n");
    expect(out).not.toContain("evil");
  });

  test("version names the version of package.json", async () => {
    const { version } = await Bun.file(`${import.meta.dir}/../../package.json`).json();
    expect((await cli(["version"])).out).toStartWith(`converge-ledger ${version} (`);
  });
});

interface CliOptions {
  readonly url?: string;
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
}

interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly raw: Buffer;
  readonly err: string;
}

async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = Bun.spawn([executable, ...args], {
    env: { CONVERGE_LEDGER_URL: options.url ?? server.url },
    cwd: options.cwd ?? server.folder,
    stdin: new Blob([options.input ?? ""]),
    stderr: "pipe",
  });
  const [bytes, err, code] = await Promise.all([child.stdout.bytes(), child.stderr.text(), child.exited]);
  const raw = Buffer.from(bytes);
  return { code, out: raw.toString(), raw, err };
}

type Child = Bun.Subprocess<"pipe", "pipe", "pipe">;

function spawn(
  args: readonly string[],
  options: CliOptions = {},
): AsyncDisposable & { readonly process: Child } {
  const env = { CONVERGE_LEDGER_URL: options.url ?? server.url };
  const process = Bun.spawn([executable, ...args], { env, stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  return {
    process,
    [Symbol.asyncDispose]: async () => {
      process.kill("SIGKILL");
      await process.exited;
    },
  };
}
