import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LedgerError } from "../../src/core/errors.ts";
import { hex } from "../../src/core/hex.ts";
import { limits } from "../../src/core/limits.ts";
import type { NodeKeySet } from "../../src/node/ed25519-key-text.ts";
import { nodeKeyFile, type NodeKeys, openNodeKeys } from "../../src/node/node-keys.ts";
import { lines } from "../support/lines.ts";

const root = mkdtempSync(join(tmpdir(), "node-keys-"));
let directory = "";
let path = "";

beforeEach(() => {
  directory = mkdtempSync(join(root, "data-"));
  path = join(directory, nodeKeyFile);
});

afterAll(() => rmSync(root, { recursive: true }));

/** A clock on which waiting takes no time. */
function skippingClock(): {
  monotonicMs(): number;
  after(ms: number, callback: () => void): () => void;
  nowMs: number;
} {
  return {
    nowMs: 0,
    monotonicMs() {
      return this.nowMs;
    },
    after(ms, callback) {
      this.nowMs += ms;
      setImmediate(callback);
      return () => undefined;
    },
  };
}

async function open(clock = skippingClock(), mayCreate = true): Promise<NodeKeys> {
  return await openNodeKeys({ directory, mayCreate, clock });
}

function named({ active, retired }: NodeKeySet): { active: string[]; retired: string[] } {
  return { active: active.map(({ publicKey }) => hex(publicKey)), retired: retired.map(hex) };
}

function failure(reason: string, pattern = /./): unknown {
  return expect.objectContaining({
    constructor: LedgerError,
    message: expect.stringMatching(pattern),
    facts: expect.objectContaining({ reason, remedy: expect.stringMatching(/./) }),
  });
}

describe("openNodeKeys()", () => {
  test("makes one key at first use, for its owner only, and finds it again", async () => {
    const made = named((await open()).current());
    expect(made).toEqual({ active: [expect.stringMatching(/^[0-9a-f]{64}$/)], retired: [] });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual([nodeKeyFile]);
    expect(named((await open()).current())).toEqual(made);
  });

  test("writes PKCS#8 that other programs read", async () => {
    await open();
    const key = createPrivateKey(readFileSync(path, "latin1").split("\n").slice(1).join("\n"));
    expect([key.asymmetricKeyType, key.type]).toEqual(["ed25519", "private"]);
  });

  test("makes one key only if two make it at once", async () => {
    const [a, b] = await Promise.all([open(), open()]);
    expect(named(a.current())).toEqual(named(b.current()));
  });

  test("takes a file that another program made", async () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    writeFileSync(path, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
    expect((await open()).current().active).toHaveLength(1);
  });

  test("makes no new key if the node has signed before", async () => {
    await expect(open(skippingClock(), false)).rejects.toEqual(
      failure("NODE_KEY_MISSING", /node\.key does not exist/),
    );
    expect(readdirSync(directory)).toEqual([]);
  });

  test.each([0o640, 0o604, 0o660, 0o601])("refuses a file of mode %o, like ssh", async (mode) => {
    await open();
    chmodSync(path, mode);
    const text = readFileSync(path, "latin1");
    await expect(open()).rejects.toEqual(failure("NODE_KEY_EXPOSED", /chmod 600 .*node\.key/));
    expect(readFileSync(path, "latin1")).toBe(text);
    chmodSync(path, 0o400);
    await open();
  });

  test("says what the file system refuses", async () => {
    mkdirSync(path, { mode: 0o700 });
    await expect(open()).rejects.toEqual(failure("NODE_KEY_UNREADABLE", /node\.key cannot be read: EISDIR/));
    directory = join(directory, "missing");
    await expect(open()).rejects.toEqual(
      failure("NODE_KEY_UNWRITABLE", /node\.key cannot be written: ENOENT/),
    );
  });
});

describe("a damaged file is never replaced", () => {
  const pem = (type: "ed25519" | "x25519", half: "private" | "public"): string => {
    const pair = generateKeyPairSync(type as "ed25519");
    return half === "private"
      ? String(pair.privateKey.export({ format: "pem", type: "pkcs8" }))
      : String(pair.publicKey.export({ format: "pem", type: "spki" }));
  };
  const key = pem("ed25519", "private");

  async function expectDamaged(text: string): Promise<void> {
    writeFileSync(path, text, { encoding: "latin1", mode: 0o600 });
    await expect(open()).rejects.toEqual(failure("NODE_KEY_DAMAGED", /node\.key is damaged: /));
    expect(readFileSync(path, "latin1")).toBe(text);
    expect(readdirSync(directory)).toEqual([nodeKeyFile]);
  }

  test.each([
    ["nothing", ""],
    ["blank lines", "\n\n"],
    ["other text", "secret\n"],
    ["text after the keys", `${key}x`],
    ["text between keys", `${key}x\n${pem("ed25519", "private")}`],
    ["half a key", key.slice(0, -10)],
    ["a key that cannot be read", key.replace("MC4CAQ", "MC4CAR")],
    ["a key of another kind", pem("x25519", "private")],
    ["no private key", pem("ed25519", "public")],
    ["a public key before a private one", pem("ed25519", "public") + key],
    ["a key twice", key + key],
    ["too many keys", Array.from({ length: 17 }, () => pem("ed25519", "private")).join("")],
    ["too many bytes", key + "\n".repeat(limits.nodeKeyFileBytesMax)],
    ["a checksum of something else", `# sha256 ${"0".repeat(64)}\n${key}`],
  ])("%s", async (_, text) => {
    await expectDamaged(text);
  });

  test("a file of ours with any byte changed, or cut anywhere", async () => {
    const keys = await open();
    await keys.rotate();
    await keys.retire();
    const text = readFileSync(path, "latin1");
    for (let at = 0; at < text.length; at += 3) {
      const char = text[at] === "A" ? "B" : "A";
      await expectDamaged(text.slice(0, at) + char + text.slice(at + 1));
      await expectDamaged(text.slice(0, at));
    }
  });

  test("nor is it while the server runs", async () => {
    const clock = skippingClock();
    const keys = await open(clock);
    const good = keys.current();
    const text = readFileSync(path, "latin1");
    writeFileSync(path, text.slice(0, 50));
    clock.nowMs += 1000;
    expect(() => keys.current()).toThrow(failure("NODE_KEY_DAMAGED"));
    await expect(keys.rotate()).rejects.toEqual(failure("NODE_KEY_DAMAGED"));
    expect(readFileSync(path, "latin1")).toBe(text.slice(0, 50));
    writeFileSync(path, text);
    expect(named(keys.current())).toEqual(named(good));
  });
});

describe("rotate() and retire()", () => {
  test("add keys in front and erase the private halves of the others", async () => {
    const keys = await open();
    const [first = ""] = named(keys.current()).active;
    const [second = "", ...older] = named(await keys.rotate()).active;
    expect(older).toEqual([first]);
    const [third = ""] = named(await keys.rotate()).active;
    expect(named(keys.current())).toEqual({ active: [third, second, first], retired: [] });

    expect(named(await keys.retire())).toEqual({ active: [third], retired: [second, first] });
    expect(readFileSync(path, "latin1").match(/PRIVATE KEY-----\n/g)).toHaveLength(2);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const [fourth = ""] = named(await keys.rotate()).active;
    expect(named(await keys.retire())).toEqual({ active: [fourth], retired: [third, second, first] });
    expect(named((await open()).current())).toEqual(named(keys.current()));
    expect(readdirSync(directory)).toEqual([nodeKeyFile]);
  });

  test("retire() leaves a file with one key as it is", async () => {
    const keys = await open();
    const { ino, mtimeMs } = statSync(path);
    await keys.retire();
    expect(statSync(path)).toMatchObject({ ino, mtimeMs });
  });

  test("rotate() refuses more keys than verifiers must accept signatures", async () => {
    const keys = await open();
    for (let i = 1; i < limits.signingKeysMax; i += 1) await keys.rotate();
    await expect(keys.rotate()).rejects.toEqual(failure("NODE_KEYS_TOO_MANY", /keygen --retire/));
    expect(keys.current().active).toHaveLength(limits.signingKeysMax);
  });

  test("are seen by a running server, which looks once a second", async () => {
    const clock = skippingClock();
    const running = await open(clock);
    const before = named(running.current());
    const after = named(await (await open()).rotate());
    clock.nowMs = 999;
    expect(named(running.current())).toEqual(before);
    clock.nowMs = 1000;
    expect(named(running.current())).toEqual(after);
  });

  test("a file that was removed from under a running server is missed", async () => {
    const clock = skippingClock();
    const running = await open(clock);
    const text = readFileSync(path, "latin1");
    rmSync(path);
    clock.nowMs += 1000;
    expect(() => running.current()).toThrow(failure("NODE_KEY_MISSING"));
    await expect(running.rotate()).rejects.toEqual(failure("NODE_KEY_MISSING"));
    writeFileSync(path, text, { mode: 0o600 });
    expect(running.current().active).toHaveLength(1);
  });

  test("a link to a file elsewhere stays a link", async () => {
    await open();
    const elsewhere = join(mkdtempSync(join(root, "elsewhere-")), "key.pem");
    renameSync(path, elsewhere);
    symlinkSync(elsewhere, path);
    const keys = await open();
    await keys.rotate();
    expect(realpathSync(path)).toBe(realpathSync(elsewhere));
    expect((await open()).current().active).toHaveLength(2);
  });

  test("lose nothing in one process that does them at once", async () => {
    const keys = await open();
    const all = await Promise.all(Array.from({ length: 8 }, async () => await keys.rotate()));
    expect(new Set(all.map(({ active }) => hex(active[0]?.publicKey ?? new Uint8Array(0))))).toHaveProperty(
      "size",
      8,
    );
    expect(keys.current().active).toHaveLength(9);
  });

  test("lose nothing in processes that do them at once", async () => {
    await open();
    const children = Array.from({ length: 3 }, () => child("rotate", "4"));
    const outputs = await Promise.all(children.map(async ({ stdout }) => await new Response(stdout).text()));
    expect(await Promise.all(children.map(async ({ exited }) => await exited))).toEqual([0, 0, 0]);
    const added = outputs.flatMap((output) => output.trim().split("\n"));
    const { active } = named((await open()).current());
    expect(active.slice(0, -1).sort()).toEqual(added.sort());
    expect(added).toHaveLength(12);
  });
});

describe("a change that was cut off", () => {
  test("leaves the file as it was, and the next one clears up after 5 s", async () => {
    const clock = skippingClock();
    const keys = await open(clock);
    const before = named(keys.current());
    writeFileSync(`${path}.lock`, "0123456789abcdef");
    writeFileSync(`${path}.0123456789abcdef.new`, readFileSync(path, "latin1").slice(0, 90));
    expect(named((await open()).current())).toEqual(before);
    const after = named(await keys.rotate());
    expect(clock.nowMs).toBeWithin(5000, 6000);
    expect(after.active.slice(1)).toEqual(before.active);
    expect(readdirSync(directory)).toEqual([nodeKeyFile]);
  });

  test("nobody breaks the lock of one that goes on", async () => {
    const clock = skippingClock();
    const keys = await open(clock);
    const { after } = clock;
    let holder = 0;
    clock.after = (ms, callback) => {
      writeFileSync(`${path}.lock`, `holder ${(holder += 1)}`);
      return after.call(clock, ms, callback);
    };
    writeFileSync(`${path}.lock`, "holder");
    await expect(keys.rotate()).rejects.toEqual(failure("NODE_KEY_BUSY"));
    expect(keys.current().active).toHaveLength(1);
    expect(readFileSync(`${path}.lock`, "latin1")).toBe(`holder ${holder}`);
  });

  test("has lost no key that was told, whenever the process is killed", async () => {
    for (let round = 0; round < 6; round += 1) {
      const told = await killAfter(3 + round);
      const clock = skippingClock();
      const keys = await open(clock, false);
      const { active, retired } = named(keys.current());
      expect([...active, ...retired]).toEqual(expect.arrayContaining(told));
      const [newest] = named(await keys.rotate()).active;
      expect(named(keys.current()).active).toEqual([newest ?? "", ...active]);
      await keys.retire();
      expect(readdirSync(directory)).toEqual([nodeKeyFile]);
    }
  });
});

function child(...args: readonly string[]): Bun.Subprocess<"ignore", "pipe", "inherit"> {
  return Bun.spawn([process.execPath, join(import.meta.dir, "node-keys-child.ts"), directory, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
}

/** Lets another process change keys until it has told of `count`, kills it at once, and returns what it told. */
async function killAfter(count: number): Promise<string[]> {
  const killed = child("both");
  const told: string[] = [];
  try {
    for await (const line of lines(killed.stdout)) {
      told.push(line);
      if (told.length === count) killed.kill("SIGKILL");
    }
  } finally {
    killed.kill("SIGKILL");
    await killed.exited;
  }
  return told;
}
