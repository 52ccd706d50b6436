import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asError } from "../../../src/core/as-error.ts";
import { base64 } from "../../../src/core/base64.ts";
import { LedgerError } from "../../../src/core/errors.ts";
import { limits } from "../../../src/core/limits.ts";
import { readGossipKeys, writeGossipKeys } from "../../../src/node/gossip/key-file.ts";

const root = mkdtempSync(join(tmpdir(), "gossip-keys-"));
let directory = "";
let path = "";

beforeEach(() => {
  directory = mkdtempSync(join(root, "keys-"));
  path = join(directory, "gossip.keys");
});

afterAll(() => rmSync(root, { recursive: true }));

function key(bytes: number, fill: number): Uint8Array {
  return new Uint8Array(bytes).fill(fill);
}

function failure(reason: string, pattern: RegExp): unknown {
  return expect.objectContaining({
    constructor: LedgerError,
    code: "FAILED_PRECONDITION",
    message: expect.stringMatching(pattern),
    facts: { reason, value: path, remedy: expect.stringMatching(/./) },
  });
}

function write(text: string): void {
  writeFileSync(path, text, { mode: 0o600 });
}

const secret = base64(key(32, 201));

describe("readGossipKeys()", () => {
  test("gives the keys in their order, each once", () => {
    write(
      `# made by keygen\n\n${base64(key(32, 1))}\r\n  ${base64(key(16, 2))}\t\n#${base64(key(16, 9))}\n` +
        `${base64(key(24, 3))}\n${base64(key(32, 1))}`,
    );
    expect(readGossipKeys(path)).toEqual([key(32, 1), key(16, 2), key(24, 3)]);
  });

  test.each([
    ["nothing", "", /it has no key/],
    ["comments alone", "# none\n\n#\n", /it has no key/],
    ["something else", `${secret}\n# x\nsecret?\n`, /line 3 is not base64/],
    ["a key with text after it", `${secret} # mine`, /line 1 is not base64/],
    ["a key without its padding", secret.replace("=", ""), /line 1 is not base64/],
    ["a key that is too short", `${secret}\n${base64(key(15, 201))}`, /line 2 has 15 bytes, not 16, 24, 32/],
    ["an empty key", "====", /line 1 is not base64/],
    [
      "too many keys",
      Array.from({ length: limits.gossipKeysMax + 1 }, (_, fill) => base64(key(16, fill))).join("\n"),
      /it has 17 keys, more than 16/,
    ],
    ["too many bytes", `${secret}\n${"\n".repeat(limits.gossipKeyFileBytesMax)}`, /more than 65536/],
  ])("refuses %s, and shows no key", (_, text, pattern) => {
    write(text);
    let error: unknown;
    try {
      readGossipKeys(path);
    } catch (reason) {
      error = reason;
    }
    expect(error).toEqual(failure("GOSSIP_KEYS_INVALID", pattern));
    const shown = `${Bun.inspect(error)} ${asError(error).stack}`;
    for (const line of text.split("\n").filter((other) => other.length > 8))
      expect(shown).not.toContain(line);
  });

  test.each([0o640, 0o604, 0o620, 0o601])("refuses a file of mode %o, like ssh", (mode) => {
    write(secret);
    chmodSync(path, mode);
    expect(() => readGossipKeys(path)).toThrow(failure("GOSSIP_KEYS_EXPOSED", /has mode 0\d\d\d/));
    chmodSync(path, 0o400);
    expect(readGossipKeys(path)).toHaveLength(1);
  });

  test("says that there is no file", () => {
    expect(() => readGossipKeys(path)).toThrow(failure("GOSSIP_KEYS_UNREADABLE", /cannot be read: ENOENT/));
  });

  test("refuses what is no file, without waiting for it", () => {
    expect(Bun.spawnSync(["mkfifo", "-m", "600", path]).exitCode).toBe(0);
    expect(() => readGossipKeys(path)).toThrow(failure("GOSSIP_KEYS_INVALID", /it is no file/));
    rmSync(path);
    mkdirSync(path);
    expect(() => readGossipKeys(path)).toThrow(failure("GOSSIP_KEYS_INVALID", /it is no file/));
  });

  test("follows links, which is how secrets are mounted", () => {
    writeFileSync(join(directory, "data"), secret, { mode: 0o400 });
    symlinkSync("data", path);
    expect(readGossipKeys(path)).toEqual([key(32, 201)]);
  });
});

describe("writeGossipKeys()", () => {
  test("makes a file that is read back, for its owner only", () => {
    const keys = [key(16, 255), key(24, 0), key(32, 7)];
    writeGossipKeys(path, keys);
    expect(readGossipKeys(path)).toEqual(keys);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(["gossip.keys"]);
  });

  test("replaces a file as a whole, and what a change that was cut off has left", () => {
    write(`${secret}\n${"# long\n".repeat(100)}`);
    const { ino } = statSync(path);
    writeFileSync(`${path}.new`, "half a ke", { mode: 0o644 });
    writeGossipKeys(path, [key(16, 1)]);
    expect(readGossipKeys(path)).toEqual([key(16, 1)]);
    expect(statSync(path).ino).not.toBe(ino);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(["gossip.keys"]);
  });

  test.each([
    ["a link", (): void => symlinkSync("data", path), /it is a link/],
    ["a read-only file", (): void => chmodSync(path, 0o400), /it is read-only/],
    ["a directory", (): void => mkdirSync(path), /it is no file/],
  ])("leaves %s as it is", (kind, make, pattern) => {
    writeFileSync(kind === "a read-only file" ? path : join(directory, "data"), secret, { mode: 0o600 });
    make();
    const before = readdirSync(directory);
    expect(() => writeGossipKeys(path, [key(16, 1)])).toThrow(failure("GOSSIP_KEYS_UNWRITABLE", pattern));
    expect(readdirSync(directory)).toEqual(before);
    expect(readFileSync(kind === "a read-only file" ? path : join(directory, "data"), "latin1")).toBe(secret);
  });

  test("says that a directory cannot be written", () => {
    path = join(directory, "missing", "gossip.keys");
    expect(() => writeGossipKeys(path, [key(16, 1)])).toThrow(
      failure("GOSSIP_KEYS_UNWRITABLE", /cannot be changed: ENOENT/),
    );
    path = join("/proc", "gossip.keys");
    expect(() => writeGossipKeys(path, [key(16, 1)])).toThrow(
      failure("GOSSIP_KEYS_UNWRITABLE", /cannot be changed/),
    );
    expect(existsSync(path)).toBe(false);
  });

  test("writes no keyring that could not be read again", () => {
    expect(() => writeGossipKeys(path, [])).toThrow("assertion failed");
    expect(() => writeGossipKeys(path, [key(15, 1)])).toThrow("assertion failed");
    expect(existsSync(path)).toBe(false);
  });
});
