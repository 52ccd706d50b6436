import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import { loadSnapshot } from "../support/ledger-snapshot.ts";
import {
  append,
  appendBatch,
  decoded,
  entriesOf,
  factsOf,
  failureOf,
  get,
  input,
  ledgerWorld,
} from "../support/ledger-world.ts";

const MiB = 2 ** 20;
const shorten = "shorten it, or put the data into the payload";

/** 64 pairs whose names and values take `bytes` together. */
function pairs(bytes: number): [string, string][] {
  const each = Math.floor(bytes / 64);
  const names = Array.from({ length: 64 }, (_, i) => `n${i}`.padEnd(4, "."));
  return names.map((name, i) => [name, "v".repeat(each - 4 + (i === 0 ? bytes - 64 * each : 0))]);
}

describe("append() takes, at its bound,", () => {
  test.each<[string, string, Parameters<typeof input>[0]]>([
    ["a context_id of one byte", "c", {}],
    ["a context_id of 1,024 bytes", "c".repeat(1024), {}],
    ["a context_id of 1,024 bytes in characters of three", `${"\u20ac".repeat(341)}c`, {}],
    ["a context_id of three dots", "...", {}],
    ["a context_id with the characters beside the control characters", "\u0020\u007e\u00a0/%?#", {}],
    ["a key of one byte", "c", { key: "k" }],
    ["a key of 1,024 bytes", "c", { key: "k".repeat(1024) }],
    ["a key of 1,024 bytes in surrogate pairs", "c", { key: "\u{1f511}".repeat(256) }],
    ["an empty payload", "c", { payload: "" }],
    ["a payload of 4 MiB", "c", { payload: new Uint8Array(4 * MiB) }],
    ["64 pairs of metadata of 16 KiB", "c", { metadata: pairs(16_384) }],
    ["a metadata name that is like a reserved one", "c", { metadata: [["converge-ledger", "v"]] }],
    ["an idempotency_key of 128 bytes", "c", { idempotencyKey: "i".repeat(128) }],
    ["an idempotency_key with control characters", "c", { idempotencyKey: "\u0000\n" }],
  ])("%s", async (_, contextId, parts) => {
    const { ledger } = ledgerWorld();
    const appended = await append(ledger, contextId, parts);
    const given = input(parts);
    const [entry] = await entriesOf(ledger, contextId);
    expect(entry).toEqual(decoded(appended));
    expect([entry?.key, entry?.payload, entry?.metadata.length]).toEqual([
      given.key,
      given.payload,
      [...given.metadata].length,
    ]);
  });
});

describe("append() refuses", () => {
  test.each<[string, string, Parameters<typeof input>[0], object]>([
    [
      "an empty context_id",
      "",
      {},
      {
        reason: "CONTEXT_ID_MISSING",
        field: "context_id",
        value: "",
        limit: 1024,
        remedy: "set context_id to 1 to 1024 bytes of text",
      },
    ],
    [
      "a context_id of 1,025 bytes",
      "c".repeat(1025),
      {},
      { reason: "CONTEXT_ID_TOO_LONG", field: "context_id", value: 1025, limit: 1024, remedy: shorten },
    ],
    [
      "a context_id of 342 characters and 1,026 bytes",
      "\u20ac".repeat(342),
      {},
      { reason: "CONTEXT_ID_TOO_LONG", field: "context_id", value: 1026, limit: 1024, remedy: shorten },
    ],
    [
      "the context_id .",
      ".",
      {},
      { reason: "CONTEXT_ID_RESERVED", field: "context_id", value: ".", remedy: "choose another name" },
    ],
    [
      "the context_id ..",
      "..",
      {},
      { reason: "CONTEXT_ID_RESERVED", field: "context_id", value: "..", remedy: "choose another name" },
    ],
    [
      "an empty key",
      "c",
      { key: "" },
      {
        reason: "KEY_MISSING",
        field: "key",
        value: "",
        limit: 1024,
        remedy: "set key to 1 to 1024 bytes of text",
      },
    ],
    [
      "a key of 1,025 bytes",
      "c",
      { key: `${"k".repeat(1023)}é` },
      { reason: "KEY_TOO_LONG", field: "key", value: 1025, limit: 1024, remedy: shorten },
    ],
    [
      "65 pairs of metadata",
      "c",
      { metadata: [...pairs(6400), ["x", "y"]] },
      {
        reason: "METADATA_TOO_MANY_PAIRS",
        field: "metadata",
        value: 65,
        limit: 64,
        remedy: "put the data into the payload",
      },
    ],
    [
      "metadata of 16 KiB and one byte",
      "c",
      { metadata: pairs(16_385) },
      { reason: "METADATA_TOO_LONG", field: "metadata", value: 16_385, limit: 16_384, remedy: shorten },
    ],
    [
      "a reserved metadata name",
      "c",
      {
        metadata: [
          ["a", "b"],
          ["converge-ledger/x", ""],
        ],
      },
      {
        reason: "METADATA_NAME_RESERVED",
        field: "metadata",
        value: "converge-ledger/x",
        remedy: "choose another name",
      },
    ],
    [
      "an idempotency_key of 129 bytes",
      "c",
      { idempotencyKey: `${"i".repeat(127)}é` },
      {
        reason: "IDEMPOTENCY_KEY_TOO_LONG",
        field: "idempotency_key",
        value: 129,
        limit: 128,
        remedy: shorten,
      },
    ],
  ])("%s", async (_, contextId, parts, facts) => {
    const { ledger, store } = ledgerWorld();
    expect(await factsOf(append(ledger, contextId, parts))).toEqual({ code: "INVALID_ARGUMENT", ...facts });
    expect(store.commits).toEqual([]);
  });

  test("a payload of 4 MiB and one byte, in the words of the first implementation", async () => {
    const { ledger, store } = ledgerWorld();
    const failure = await failureOf(append(ledger, "c", { payload: new Uint8Array(4 * MiB + 1) }));
    expect(failure.message).toStartWith(
      "Payload exceeds maximum allowed size: 4194305 bytes, more than 4194304; ",
    );
    expect({ code: failure.code, ...failure.facts }).toEqual({
      code: "RESOURCE_EXHAUSTED",
      reason: "PAYLOAD_TOO_LARGE",
      field: "payload",
      value: 4 * MiB + 1,
      limit: 4 * MiB,
      remedy: "store the content elsewhere and append its address and hash, or split it",
    });
    expect(store.commits).toEqual([]);
  });

  test.each(["context_id", "key"] as const)("every control character in %s, and names it", async (field) => {
    const { ledger, store } = ledgerWorld();
    const codes = [...Array(0x20).keys(), ...Array.from({ length: 0x21 }, (_, i) => 0x7f + i)];
    for (const code of codes) {
      const text = `a${String.fromCharCode(code)}b`;
      const work = field === "key" ? append(ledger, "c", { key: text }) : append(ledger, text);
      expect(await factsOf(work)).toEqual({
        code: "INVALID_ARGUMENT",
        reason: `${field.toUpperCase()}_CONTROL_CHARACTER`,
        field,
        value: `U+${code.toString(16).toUpperCase().padStart(4, "0")}`,
        remedy: "remove U+0000 to U+001F and U+007F to U+009F",
      });
    }
    expect(store.commits).toEqual([]);
  });

  test.each<[string, string, string, Parameters<typeof input>[0]]>([
    ["context_id", "context_id", "a\ud800", {}],
    ["context_id, between letters", "context_id", "a\udc00b", {}],
    ["key", "key", "c", { key: "\udfff" }],
    ["a metadata name", "metadata", "c", { metadata: [["\ud800\ud800", "v"]] }],
    ["a metadata value", "metadata", "c", { metadata: [["n", "\udc00\ud800"]] }],
    ["idempotency_key", "idempotency_key", "c", { idempotencyKey: "\ud83d" }],
  ])("a lone surrogate in %s", async (_, field, contextId, parts) => {
    const { ledger, store } = ledgerWorld();
    expect(await factsOf(append(ledger, contextId, parts))).toEqual({
      code: "INVALID_ARGUMENT",
      reason: "INVALID_UTF8",
      field,
      remedy: "send text that can be written as UTF-8",
    });
    expect(store.commits).toEqual([]);
  });

  test("a reserved metadata name of any length with a short error", async () => {
    const { ledger } = ledgerWorld();
    const name = `converge-ledger/${"x".repeat(MiB)}`;
    const failure = await failureOf(append(ledger, "c", { metadata: [[name, ""]] }));
    expect(failure.facts.reason).toBe("METADATA_NAME_RESERVED");
    expect(failure.message.length + String(failure.facts.value).length).toBeLessThan(500);
  });
});

describe("appendBatch()", () => {
  const refused = {
    code: "RESOURCE_EXHAUSTED",
    reason: "BATCH_TOO_LARGE",
    field: "entries",
    remedy: "send several batches",
  };

  test("takes 1,000 entries, and refuses 1,001 before it looks at them", async () => {
    const { ledger } = ledgerWorld();
    const batch = Array.from({ length: 1001 }, () => ({ key: "" }));
    expect(await factsOf(appendBatch(ledger, "c", batch))).toEqual({ ...refused, value: 1001, limit: 1000 });
    expect(
      await appendBatch(
        ledger,
        "c",
        batch.slice(1).map(() => ({ payload: "" })),
      ),
    ).toHaveLength(1000);
  });

  test("takes 8 MiB of payloads, keys and metadata, and not one byte more", async () => {
    const { ledger } = ledgerWorld();
    const metadata = [["name", "value"]] as const;
    const key = "kéy";
    const fill = (bytes: number) => [
      { key, payload: new Uint8Array(4 * MiB) },
      { key, payload: new Uint8Array(4 * MiB - 8 - 9 + bytes), metadata },
    ];
    expect(await factsOf(appendBatch(ledger, "c", fill(1)))).toEqual({
      ...refused,
      value: 8 * MiB + 1,
      limit: 8 * MiB,
    });
    expect(await appendBatch(ledger, "c", fill(0))).toHaveLength(2);
    expect((await get(ledger, "c")).latestSequence).toBe(2);
  });

  test("refuses no entries", async () => {
    const { ledger } = ledgerWorld();
    expect(await factsOf(appendBatch(ledger, "c", []))).toEqual({
      code: "INVALID_ARGUMENT",
      reason: "BATCH_EMPTY",
      field: "entries",
      value: 0,
      limit: 1000,
      remedy: "send at least one entry",
    });
  });
});

describe("the bounds of other calls", () => {
  const { ledger } = ledgerWorld();
  const watch = {
    contextId: "c",
    key: "",
    from: { sequence: 0 },
    heartbeatMs: 0,
    resets: true,
    proofs: false,
  };
  const sink = {
    entries: () => true,
    heartbeat: () => true,
    caughtUp: () => {},
    reset: () => {},
    ended: () => {},
  };

  test.each<[string, () => Promise<unknown>, object]>([
    ["get() of no context", () => get(ledger, ""), { reason: "CONTEXT_ID_MISSING" }],
    [
      "get() of a key over the bound",
      () => get(ledger, "c", { key: "k".repeat(1025) }),
      { reason: "KEY_TOO_LONG", value: 1025 },
    ],
    [
      "get() of a key with a lone surrogate",
      () => get(ledger, "c", { key: "\ud800" }),
      { reason: "INVALID_UTF8", field: "key" },
    ],
    [
      "get() with a resume token of 15 bytes",
      () => get(ledger, "c", { resumeToken: new Uint8Array(15) }),
      { reason: "CURSOR_INVALID", field: "resume_token", value: 15 },
    ],
    [
      "watch() of no context",
      () => ledger.watch({ ...watch, contextId: "" }, sink),
      { reason: "CONTEXT_ID_MISSING" },
    ],
    [
      "watch() of a key over the bound",
      () => ledger.watch({ ...watch, key: "k".repeat(1025) }, sink),
      { reason: "KEY_TOO_LONG" },
    ],
    [
      "watch() with a heartbeat of 99 ms",
      () => ledger.watch({ ...watch, heartbeatMs: 99 }, sink),
      { reason: "HEARTBEAT_OUT_OF_RANGE", field: "heartbeat_ms", value: 99, limit: 100 },
    ],
    [
      "watch() with a heartbeat of over an hour",
      () => ledger.watch({ ...watch, heartbeatMs: 3_600_001 }, sink),
      { reason: "HEARTBEAT_OUT_OF_RANGE", field: "heartbeat_ms", value: 3_600_001, limit: 3_600_000 },
    ],
    ["describe() of no context", () => ledger.describe(""), { reason: "CONTEXT_ID_MISSING" }],
    [
      "load() into no context",
      () => loadSnapshot(ledger, "", new Uint8Array(0)),
      { reason: "CONTEXT_ID_MISSING" },
    ],
    [
      "list() with a lone surrogate",
      () => ledger.list({ prefix: "\ud800", startAfter: "", limit: 0 }),
      { reason: "INVALID_UTF8", field: "prefix" },
    ],
    [
      "list() of over 1,000",
      () => ledger.list({ prefix: "", startAfter: "", limit: 1001 }),
      { reason: "LIMIT_TOO_LARGE", field: "limit", value: 1001, limit: limits.listContextsMax },
    ],
  ])("%s is refused", async (_, work, facts) => {
    expect(await factsOf(work())).toMatchObject({ code: "INVALID_ARGUMENT", ...facts });
  });

  test.each([0, 100, 3_600_000])("watch() takes a heartbeat of %d ms", async (heartbeatMs) => {
    const watcher = await ledger.watch({ ...watch, heartbeatMs }, sink);
    watcher.close();
    expect(ledger.watchCounts()).toEqual({ watchers: 0, contexts: 0, lagging: 0 });
  });

  test("snapshot() of no context is refused", async () => {
    expect(await factsOf(() => ledger.snapshot(""))).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "CONTEXT_ID_MISSING",
    });
  });

  test("describe() of an unknown context is NOT_FOUND", async () => {
    expect(await factsOf(ledger.describe("nowhere"))).toEqual({
      code: "NOT_FOUND",
      reason: "CONTEXT_NOT_FOUND",
      field: "context_id",
      value: "nowhere",
      remedy: "check the id, or append its first entry",
    });
  });
});
