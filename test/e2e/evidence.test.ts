/**
 * Evidence from end to end: the built executable as server, as the one who proves, and as an auditor who has a file, a
 * key and nothing else.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { temporaryDirectory, type TemporaryDirectory } from "../store/temporary-directory.ts";
import { golden } from "../support/golden-evidence.ts";
import { until } from "../support/until.ts";
import { runExecutable, type ServerProcess, startServerProcess } from "../support/server-process.ts";

setDefaultTimeout(60_000);
const contextId = "audit/2026@é";
let directory: TemporaryDirectory;
let server: ServerProcess;
/** What the auditor gets, in a folder of its own. */
let folder: string;

beforeAll(async () => {
  directory = temporaryDirectory();
  folder = `${directory.path}/auditor`;
  mkdirSync(folder);
  server = await startServerProcess({
    data: `${directory.path}/data`,
    flags: ["--log-name", "ledger.example", "--node-name", "n1"],
  });
  for (let i = 1; i <= 5; i += 1) await ok(["append", contextId, "facts", `fact ${i} of the audit`]);
  await ok(["append", "other", "facts", "of another context"]);
  await ok(["prove", `${contextId}@3`, "-o", `${folder}/third.tlog-proof`]);
  await ok(["prove", contextId, "--node", "-o", `${folder}/head.tlog-proof`]);
  await ok(["checkpoint", contextId, "-o", `${folder}/monday.checkpoint`]);
  writeFileSync(`${folder}/context.vkey`, await ok(["key", contextId]));
  writeFileSync(`${folder}/node.vkey`, await ok(["key"]));
  writeFileSync(`${folder}/payload`, "fact 3 of the audit");
  for (let i = 6; i <= 9; i += 1) await ok(["append", contextId, "facts", `fact ${i} of the audit`]);
  await ok(["checkpoint", contextId, "-o", `${folder}/friday.checkpoint`]);
  await ok(["prove", contextId, "--from", "5", "--to", "9", "-o", `${folder}/growth.json`]);
}, 120_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

describe("with the server", () => {
  test("verify CTX and --node find everything as it was", async () => {
    expect(await ok(["verify", contextId])).toMatch(/^audit\/2026@é\tverified\t9 entries\t9:[0-9a-f]{64}\n$/);
    expect(await ok(["verify", "--node"])).toMatch(/^the log of logs\tverified\t/);
  });

  test("verify asks it for the proof between two checkpoints", async () => {
    const files = ["--old", `${folder}/monday.checkpoint`, "--new", `${folder}/friday.checkpoint`];
    const out = await ok(["verify", ...files, "--key", `${folder}/context.vkey`]);
    expect(out).toStartWith("proven\tgrew from 5 to 9");
    const nodes = [];
    for (const name of ["a", "b"]) {
      await ok(["append", "other", "facts", name]);
      await ok(["prove", "other", "--node", "-o", `${folder}/${name}.tlog-proof`]);
      await ok(["checkpoint", "--node", "-o", `${folder}/${name}.checkpoint`]);
      nodes.push(`${folder}/${name}.checkpoint`);
    }
    const [old = "", newer = ""] = nodes;
    const log = await ok(["verify", "--old", old, "--new", newer, "--key", `${folder}/node.vkey`]);
    expect(log).toContain("origin\tledger.example/n1\n");
  });

  test("verify --data refuses while it runs, and key --data reads beside it", async () => {
    const refused = await run(["verify", "--data", server.data]);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("a server has it open");
    const names = ["--log-name", "ledger.example", "--node-name", "n1"];
    const stored = await ok(["key", contextId, "--data", server.data, ...names]);
    expect(stored).toBe(readFileSync(`${folder}/context.vkey`, "utf8"));
  });

  test("a key that keygen adds signs as soon as the running server sees it, and the old one still verifies", async () => {
    const names = ["--log-name", "ledger.example", "--node-name", "n1"];
    const rotated = await ok(["keygen", "--data", server.data, ...names, "--rotate"]);
    expect(rotated.trim().split("\n")).toHaveLength(2);
    const file = `${folder}/rotated.tlog-proof`;
    const made = async (): Promise<boolean> => {
      const printed = await ok(["prove", `${contextId}@1`, "--json"]);
      return JSON.parse(printed).signers.length === 2;
    };
    await until("the server signs with both keys", made);
    await ok(["prove", `${contextId}@1`, "-o", file]);
    const older = await ok(["verify", file, "--key", `${folder}/context.vkey`]);
    expect(older).toMatch(/^not checked\tthe signature of /m);
    const both = await ok(["verify", file, "--key", await ok(["key", contextId])]);
    expect(both.match(/^signer\t/gm)).toHaveLength(2);
    expect(both).not.toContain("not checked");
    await ok(["keygen", "--data", server.data, ...names, "--retire"]);
    expect((await ok(["key", contextId])).trim().split("\n")).toHaveLength(2);
  });
});

describe("without any server", () => {
  beforeAll(async () => {
    server.signal("SIGTERM");
    expect(await server.exited).toBe(0);
  });

  test("the evidence proves the entry and its payload", async () => {
    const out = await auditor([
      "verify",
      "third.tlog-proof",
      "--key",
      "context.vkey",
      "--payload",
      "payload",
    ]);
    expect(out).toMatchObject({ code: 0, stderr: "" });
    expect(out.stdout).toContain(`context\t${contextId}\nsequence\t3\n`);
    expect(out.stdout).toContain("payload\t19 bytes, the same as payload\n");
    expect(out.stdout).toContain("tree size\t5\n");
  });

  test("the log of logs proves the size and root of the context", async () => {
    const out = await auditor(["verify", "head.tlog-proof", "--key", "node.vkey"]);
    expect(out).toMatchObject({ code: 0, stderr: "" });
    expect(out.stdout).toContain(`proven\tcontext\ncontext\t${contextId}\ncontext size\t5\n`);
    const root = /^5\n(\S+)\n/m.exec(readFileSync(`${folder}/monday.checkpoint`, "utf8"))?.[1] ?? "";
    expect(out.stdout).toContain(`context root\t${Uint8Array.fromBase64(root).toHex()}\n`);
  });

  test("a saved proof shows that the log grew between two checkpoints", async () => {
    const files = ["--old", "monday.checkpoint", "--new", "friday.checkpoint", "--proof", "growth.json"];
    const out = await auditor(["verify", ...files, "--key", "context.vkey"]);
    expect(out).toMatchObject({ code: 0, stderr: "" });
  });

  test("golden evidence of another implementation is accepted", async () => {
    writeFileSync(`${folder}/golden.tlog-proof`, golden.evidence);
    const out = await auditor(["verify", "golden.tlog-proof", "--key", golden.key, "--json"]);
    expect({ ...out, stdout: JSON.parse(out.stdout) }).toMatchObject({
      code: 0,
      stderr: "",
      stdout: { proven: "entry", contextId: golden.contextId, sequence: "2" },
    });
  });

  test("evidence with a byte changed anywhere is refused with 1", async () => {
    const bytes = readFileSync(`${folder}/third.tlog-proof`);
    // Every byte is flipped where that is quick; here, where each takes a process, one in each stretch.
    const step = Math.ceil(bytes.length / 24);
    const ends = [];
    for (let at = 0; at < bytes.length; at += step) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(`${folder}/changed-${at}.tlog-proof`, changed);
      const { code, stdout, stderr } = await auditor([
        "verify",
        `changed-${at}.tlog-proof`,
        "--key",
        "context.vkey",
      ]);
      ends.push({ at, code, stdout, said: stderr.startsWith("error: ") });
    }
    expect(ends).toEqual(ends.map(({ at }) => ({ at, code: 1, stdout: "", said: true })));
  });

  test.each([
    [
      "another payload",
      ["third.tlog-proof", "--key", "context.vkey", "--payload", "context.vkey"],
      1,
      "the payload",
    ],
    ["the key of another log", ["third.tlog-proof", "--key", "node.vkey"], 1, "converge-ledger key CTX"],
    ["a context's key for the log of logs", ["head.tlog-proof", "--key", "context.vkey"], 1, "the key is of"],
    ["no key", ["third.tlog-proof"], 2, "--key"],
    ["no file", ["fourth.tlog-proof", "--key", "context.vkey"], 1, "ENOENT"],
  ])("%s is refused", async (_, args, code, message) => {
    const out = await auditor(["verify", ...args]);
    expect(out).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(message) });
  });

  test("verify --data reads everything and changes nothing, and finds one byte changed in the file", async () => {
    const before = hashes(server.data);
    const out = await run(["verify", "--data", server.data]);
    expect(out).toMatchObject({ code: 0, stderr: "" });
    expect(out.stdout).toMatch(/\tverified\t2 contexts\t12 entries\n$/);
    expect(hashes(server.data)).toEqual(before);

    const data = `${directory.path}/changed`;
    cpSync(server.data, data, { recursive: true });
    const bytes = readFileSync(`${data}/ledger.db`);
    const at = bytes.indexOf("fact 4 of the audit");
    bytes[at] = (bytes[at] ?? 0) ^ 0x20;
    writeFileSync(`${data}/ledger.db`, bytes);
    const damaged = await run(["verify", "--data", data]);
    expect(damaged.code).toBe(1);
    expect(damaged.stdout).toMatch(/^audit\/2026@é\tdamaged\t4\t/m);
    expect(damaged.stdout).toMatch(/\t1 damaged\t2 contexts\t12 entries\n$/);
    expect(damaged.stderr).toContain("1 finding");
  });
});

/** Runs a command against the server and returns its standard output; fails unless it ends with 0. */
async function ok(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

function run(args: readonly string[]): ReturnType<typeof runExecutable> {
  return runExecutable(args, { env: { CONVERGE_LEDGER_URL: server.url } });
}

/** Runs a command where there is no server. */
function auditor(args: readonly string[]): ReturnType<typeof runExecutable> {
  return runExecutable(args, { cwd: folder, env: { CONVERGE_LEDGER_URL: "http://127.0.0.1:1" } });
}

function hashes(path: string): Record<string, string> {
  const files = readdirSync(path).map((name) => {
    const digest = new Bun.CryptoHasher("sha256").update(readFileSync(`${path}/${name}`)).digest("hex");
    return [name, digest] as const;
  });
  return Object.fromEntries(files);
}
