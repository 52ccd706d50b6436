import { describe, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { LedgerError } from "../../../src/core/errors.ts";
import { changeKeys, storedKeys } from "../../../src/server/offline/node-key-tools.ts";
import { openSqliteStore } from "../../../src/store/sqlite-store.ts";
import { hasher } from "../../support/ledger-world.ts";
import { workerUrl } from "../../store/sample-rows.ts";
import { temporaryDirectory } from "../../store/temporary-directory.ts";

const names = { logName: "example.org", nodeName: "n1" };

describe("changeKeys()", () => {
  test("makes a key once, adds another in front, and retires the older", async () => {
    using directory = temporaryDirectory();
    const config = { data: `${directory.path}/data`, ...names };
    const made = await changeKeys(config, "make", hasher);
    expect(made).toMatchObject({
      outcome: "made",
      log: { origin: "example.org/n1", keys: [expect.any(String)] },
    });
    expect(statSync(`${config.data}/node.key`).mode & 0o777).toBe(0o600);
    expect(await changeKeys(config, "make", hasher)).toEqual({ outcome: "unchanged", log: made.log });
    const rotated = await changeKeys(config, "rotate", hasher);
    expect(rotated).toMatchObject({
      outcome: "rotated",
      log: { keys: [expect.any(String), made.log?.keys[0]] },
    });
    expect(await changeKeys(config, "retire", hasher)).toEqual({ outcome: "retired", log: rotated.log });
    expect(await changeKeys(config, "retire", hasher)).toEqual({ outcome: "unchanged", log: rotated.log });
    expect(await storedKeys(config, undefined, hasher)).toEqual(rotated.log ?? { origin: "", keys: [] });
  });

  test("has no name to print before the first server, unless one is given", async () => {
    using directory = temporaryDirectory();
    const config = { data: directory.path, logName: "example.org", nodeName: undefined };
    expect(await changeKeys(config, "make", hasher)).toEqual({ outcome: "made", log: undefined });
    await expect(storedKeys(config, undefined, hasher)).rejects.toThrow("--node-name");
  });

  test("rotates no key that is not there", async () => {
    using directory = temporaryDirectory();
    const rotating = changeKeys({ data: directory.path, ...names }, "rotate", hasher);
    await expect(rotating).rejects.toBeInstanceOf(LedgerError);
  });
});

describe("storedKeys()", () => {
  test("derives the name from the directory, whether it is in use or not", async () => {
    using directory = temporaryDirectory();
    const config = { data: directory.path, logName: "example.org", nodeName: undefined };
    await changeKeys(config, "make", hasher);
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    const beside = await storedKeys(config, "a/é", hasher);
    const nodeId = Buffer.from(await store.nodeId()).toString("hex", 0, 4);
    await store.close();
    expect(beside.origin).toBe(`example.org/n-${nodeId}/a%2F%C3%A9`);
    expect(beside.keys.every((key) => key.startsWith(`${beside.origin}+`))).toBe(true);
    expect(await storedKeys(config, "a/é", hasher)).toEqual(beside);
  });
});
