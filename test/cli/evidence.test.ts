/**
 * Evidence and checkpoints on the command line, offline and with servers that lie.
 *
 * @module
 */

import { create } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { runCli } from "../../src/cli/cli.ts";
import type { DataStep, Tools } from "../../src/cli/tools.ts";
import { parseEvidence } from "../../src/core/tlog/evidence.ts";
import { checkpointBody } from "../../src/core/tlog/checkpoint.ts";
import { formatNote } from "../../src/core/tlog/signed-note.ts";
import { formatVerifierKey, keyIdOf, parseVerifierKey } from "../../src/core/tlog/verifier-key.ts";
import { encodeUtf8 } from "../../src/core/utf8.ts";
import {
  IntegrityService,
  type ProveInclusionResponse,
  ProveInclusionResponseSchema,
} from "../../src/gen/converge/ledger/v1/integrity_pb.ts";
import { loadHasher } from "../../src/hash/load-hasher.ts";
import { privateKeyOfSeed, signEd25519 } from "../../src/node/ed25519.ts";
import { fakeFetch } from "../support/fake-server.ts";
import { golden, goldenEvidence } from "../support/golden-evidence.ts";
import { memoryIo } from "../support/memory-io.ts";
import { clientTools } from "./client-tools.ts";
import vectors from "../vectors/entry-v1.json" with { type: "json" };

const hasher = await loadHasher();
let folder: string;
let server: Bun.Server<undefined>;
let routes: (router: ConnectRouter) => void;

beforeAll(async () => {
  folder = await mkdtemp(`${tmpdir()}/converge-ledger-evidence-`);
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => fakeFetch(routes)(request) });
});

afterAll(async () => {
  await server.stop(true);
  await rm(folder, { recursive: true });
});

beforeEach(() => {
  routes = (router) => router.service(IntegrityService, {});
});

describe("verify FILE", () => {
  test("prints what golden evidence proves, and asks no server", async () => {
    const file = await write("x.tlog-proof", golden.evidence);
    expect(await cli(["verify", file, "--key", golden.key])).toEqual({
      code: 0,
      err: "",
      out: [
        "proven\tentry",
        "context\taudit/2026 é",
        "sequence\t2",
        "id\t019b76da9c0070008000000000000002",
        "key\té",
        "time\t2026-01-01T00:00:00.000000001Z",
        "lamport\t42",
        "metadata\tZ=first",
        "metadata\ta=",
        "metadata\t～=third",
        "metadata\t😀=last",
        "payload\t0 bytes, not compared",
        "payload SHA-256\te3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        `content hash\t${golden.entries[1]?.content_hash}`,
        "tree size\t3",
        `root\t${golden.root}`,
        `origin\t${golden.origin}`,
        `signer\t${golden.origin}+382b6470`,
        "",
      ].join("\n"),
    });
  });

  test("prints JSON", async () => {
    const file = await write("third.tlog-proof", goldenEvidence(2));
    const payload = Uint8Array.fromBase64(golden.entries[2]?.entry.payload ?? "");
    const payloadFile = await write("payload", payload);
    const { code, out } = await cli([
      "verify",
      file,
      "--key",
      golden.key,
      "--payload",
      payloadFile,
      "--json",
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      proven: "entry",
      contextId: golden.contextId,
      generation: "1",
      sequence: "3",
      id: golden.entries[2]?.entry.id,
      key: golden.entries[2]?.entry.key,
      appendedAtNs: "1767225600123456789",
      lamport: "43",
      metadata: { agent_id: "agent-1", note: 'line1\nline2\t"q" é' },
      payloadBytes: "256",
      payloadSha256: Uint8Array.fromHex(golden.entries[2]?.payload_sha256 ?? "").toBase64(),
      payloadCompared: true,
      leafHash: Uint8Array.fromHex(golden.entries[2]?.content_hash ?? "").toBase64(),
      leafIndex: "2",
      treeSize: "3",
      root: Uint8Array.fromHex(golden.root).toBase64(),
      origin: golden.origin,
      signers: [`${golden.origin}+382b6470`],
      notChecked: [],
    });
  });

  test("reads evidence and a key from files and from standard input", async () => {
    const keys = await write("keys", `# a comment\n${golden.key}\n`);
    const { code, out } = await cli(["verify", "-", "--key", keys], { input: golden.evidence });
    expect({ code, first: out.split("\n")[0] }).toEqual({ code: 0, first: "proven\tentry" });
  });

  test("refuses a byte changed in each line", async () => {
    const bytes = encodeUtf8(golden.evidence);
    let start = 0;
    for (const line of golden.evidence.split("\n").slice(0, -1)) {
      const length = encodeUtf8(line).length;
      const changed = bytes.slice();
      const at = start + Math.floor(length / 2);
      changed[at] = (changed[at] ?? 0) ^ 1;
      start += length + 1;
      const file = await write("changed.tlog-proof", changed);
      const { code, out, err } = await cli(["verify", file, "--key", golden.key]);
      expect({ at, code, out, said: err.startsWith("error: ") }).toEqual({
        at,
        code: 1,
        out: "",
        said: true,
      });
    }
  });

  test.each([
    ["payload", ["--payload", "wrong"], "the payload has 5 bytes, the entry's has 0"],
    ["key", ["--key", otherKey()], "converge-ledger key CTX"],
  ])("says that the %s does not match", async (field, flags, message) => {
    const file = await write("x.tlog-proof", golden.evidence);
    await write("wrong", "wrong");
    const args = flags.map((flag) => (flag === "wrong" ? `${folder}/wrong` : flag));
    const keys = field === "key" ? [] : ["--key", golden.key];
    const { code, out, err } = await cli(["verify", file, ...keys, ...args, "--json"]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    const { error } = JSON.parse(err);
    expect(error).toMatchObject({
      reason: "EVIDENCE_MISMATCH",
      field,
      message: expect.stringContaining(message),
    });
  });

  test("ends with 1 if there is no such file, and with 2 without a key", async () => {
    const missing = `${folder}/missing.tlog-proof`;
    expect(await cli(["verify", missing, "--key", golden.key])).toMatchObject({
      code: 1,
      err: expect.stringContaining("ENOENT"),
    });
    const file = await write("x.tlog-proof", golden.evidence);
    expect(await cli(["verify", file])).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringContaining("--key"),
    });
  });

  test("refuses what is not UTF-8, or far too large", async () => {
    const binary = await write("binary.tlog-proof", new Uint8Array([0xff, 0xfe]));
    expect(await cli(["verify", binary, "--key", golden.key])).toMatchObject({
      code: 1,
      err: expect.stringContaining("not UTF-8"),
    });
    const large = await write("large.tlog-proof", new Uint8Array(2_000_000));
    expect(await cli(["verify", large, "--key", golden.key])).toMatchObject({
      code: 1,
      err: expect.stringContaining("more than"),
    });
  });
});

describe("verify --old --new", () => {
  const oldRoot = vectors.rfc6962.roots[1] ?? "";
  const proof = JSON.stringify({
    firstSize: "1",
    firstRoot: base64(oldRoot),
    secondSize: "3",
    secondRoot: base64(golden.root),
    hashes: vectors.rfc6962.consistency["1_3"].map(base64),
  });

  test("proves that a log grew, with a saved proof", async () => {
    const { code, out, err } = await compare(note(1, oldRoot), golden.checkpoint, proof);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toBe(
      [
        "proven\tgrew from 1 to 3, and nothing before was changed",
        `origin\t${golden.origin}`,
        `old\t1:${oldRoot}`,
        `new\t3:${golden.root}`,
        `signer\t${golden.origin}+382b6470`,
        "",
      ].join("\n"),
    );
  });

  test("asks the server for a proof that is not given", async () => {
    const asked: unknown[] = [];
    routes = (router) =>
      router.service(IntegrityService, {
        getVerifierKeys: () => ({ origin: "ledger.example/n1", verifierKeys: [] }),
        proveConsistency: ({ contextId, firstSize, secondSize }) => {
          asked.push([contextId, firstSize, secondSize]);
          return {
            firstSize,
            secondSize: secondSize ?? 0n,
            hashes: vectors.rfc6962.consistency["1_3"].map((each) => Uint8Array.fromHex(each)),
          };
        },
      });
    expect((await compare(note(1, oldRoot), golden.checkpoint, undefined)).code).toBe(0);
    expect(asked).toEqual([[golden.contextId, 1n, 3n]]);
  });

  test("needs neither proof nor server for two checkpoints of one state", async () => {
    const { code, out } = await compare(golden.checkpoint, golden.checkpoint, undefined, [
      "--url",
      "http://127.0.0.1:1",
    ]);
    expect({ code, first: out.split("\n")[0] }).toEqual({
      code: 0,
      first: "proven\tthe two are of one state",
    });
  });

  test("says aloud that a log has two histories", async () => {
    const { code, out, err } = await compare(note(3, "ab".repeat(32)), golden.checkpoint, undefined, [
      "--json",
    ]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(JSON.parse(err).error).toMatchObject({
      code: "DATA_LOSS",
      reason: "CHECKPOINTS_FORK",
      message: expect.stringMatching(/^FORK: /),
    });
  });

  test.each([
    ["in the wrong order", () => [golden.checkpoint, note(1, oldRoot)], "wrong way round"],
    ["of two logs", () => [note(1, oldRoot, "ledger.example/n1/other"), golden.checkpoint], "the other of"],
    ["whose signature is not theirs", () => [resigned(note(1, oldRoot)), golden.checkpoint], "signature"],
    [
      "that do not fit the proof",
      () => [note(1, "ab".repeat(32)), golden.checkpoint],
      "the proof is of root",
    ],
    [
      "of another size than the proof",
      () => [note(2, vectors.rfc6962.roots[2] ?? ""), golden.checkpoint],
      "the proof is from size 1",
    ],
  ])("refuses checkpoints %s", async (_, notes, message) => {
    const [older = "", newer = ""] = notes();
    const { code, out, err } = await compare(older, newer, proof);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(message);
  });

  test("refuses a proof with any hash changed", async () => {
    for (const index of [0, 1]) {
      const changed = JSON.parse(proof);
      changed.hashes[index] = base64("00".repeat(32));
      const { code, err } = await compare(note(1, oldRoot), golden.checkpoint, JSON.stringify(changed));
      expect(code).toBe(1);
      expect(err).toContain("do not lead from size 1 to size 3");
    }
  });

  async function compare(
    older: string,
    newer: string,
    saved: string | undefined,
    flags: readonly string[] = [],
  ) {
    const files = ["--old", await write("old", older), "--new", await write("new", newer)];
    const proofFile = saved === undefined ? [] : ["--proof", await write("proof", saved)];
    return await cli(["verify", ...files, "--key", golden.key, ...proofFile, ...flags]);
  }
});

describe("prove", () => {
  test("writes evidence that verify accepts, of the newest entry too", async () => {
    const asked: bigint[] = [];
    serveInclusion((answer, sequence) => {
      asked.push(sequence);
      return answer;
    });
    const file = `${folder}/made.tlog-proof`;
    const { code, out } = await cli(["prove", `${golden.contextId}@2`, "-o", file]);
    expect({ code, out }).toEqual({ code: 0, out: `entry 2 of 3, root 3:${golden.root}\n` });
    expect(await Bun.file(file).text()).toBe(golden.evidence);
    expect((await cli(["verify", file, "--key", golden.key])).code).toBe(0);
    const printed = await cli(["prove", `${golden.contextId}@2`]);
    expect(printed).toEqual({ code: 0, out: golden.evidence, err: "" });
    expect(asked).toEqual([2n, 2n]);
  });

  test("does not replace a file without --force", async () => {
    serveInclusion((answer) => answer);
    const file = await write("there", "before");
    expect(await cli(["prove", `${golden.contextId}@2`, "-o", file])).toMatchObject({
      code: 1,
      err: expect.stringContaining("--force"),
    });
    expect(await Bun.file(file).text()).toBe("before");
    expect((await cli(["prove", `${golden.contextId}@2`, "-o", file, "--force"])).code).toBe(0);
    expect(await Bun.file(file).text()).toBe(golden.evidence);
  });

  test.each<[string, (answer: ProveInclusionResponse) => ProveInclusionResponse]>([
    ["no proof", ({ record, checkpoint }) => create(ProveInclusionResponseSchema, { record, checkpoint })],
    ["no checkpoint", (answer) => ({ ...answer, checkpoint: "" })],
    [
      "another record",
      (answer) => ({ ...answer, record: Uint8Array.fromHex(golden.entries[0]?.record_hex ?? "") }),
    ],
    ["a hash less", (answer) => withHashes(answer, answer.proof?.hashes.slice(1) ?? [])],
    ["hashes in another order", (answer) => withHashes(answer, answer.proof?.hashes.toReversed() ?? [])],
    ["another checkpoint", (answer) => ({ ...answer, checkpoint: note(3, "ab".repeat(32)) })],
    ["a signature that is none", (answer) => ({ ...answer, checkpoint: resigned(answer.checkpoint) })],
  ])("writes nothing if the server answers %s", async (_, change) => {
    serveInclusion(change);
    const before = await readdir(folder);
    const { code, out, err } = await cli(["prove", `${golden.contextId}@2`, "-o", `${folder}/never`]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toStartWith("error: ");
    expect(await readdir(folder)).toEqual(before);
  });

  test("writes nothing if the server proves another entry than was asked", async () => {
    serveInclusion((answer) => answer);
    const { code, err } = await cli(["prove", `${golden.contextId}@1`, "-o", `${folder}/never`]);
    expect(code).toBe(1);
    expect(err).toContain("something else than entry 1");
    expect(await Bun.file(`${folder}/never`).exists()).toBe(false);
  });

  function serveInclusion(
    change: (answer: ProveInclusionResponse, sequence: bigint) => ProveInclusionResponse,
  ): void {
    const { record, index, hashes, checkpoint } = parseEvidence(golden.evidence);
    routes = (router) =>
      router.service(IntegrityService, {
        getVerifierKeys: () => ({ origin: golden.origin, verifierKeys: [golden.key] }),
        proveInclusion: ({ sequence }) => {
          const proof = { leafIndex: BigInt(index), treeSize: 3n, hashes: [...hashes] };
          return change(create(ProveInclusionResponseSchema, { record, checkpoint, proof }), sequence);
        },
      });
  }
});

describe("verify CTX", () => {
  test("prints the result, and ends with 1 after damage", async () => {
    routes = (router) =>
      router.service(IntegrityService, {
        async *verifyContext({ contextId }) {
          yield { step: { case: "progress", value: { verified: 1n, total: 2n } } };
          if (contextId === "bad")
            yield { step: { case: "damage", value: { sequence: 2n, detail: "not\nits hash" } } };
          const damaged = contextId === "bad" ? 1n : 0n;
          yield { step: { case: "result", value: { treeSize: 2n, root: new Uint8Array(32), damaged } } };
        },
      });
    const root = `2:${"00".repeat(32)}`;
    expect(await cli(["verify", "good"])).toEqual({
      code: 0,
      out: `good\tverified\t2 entries\t${root}\n`,
      err: "",
    });
    const bad = await cli(["verify", "bad"]);
    expect(bad).toMatchObject({
      code: 1,
      out: `bad\tdamaged\t2\tnot\\nits hash\nbad\t1 damaged\t2 entries\t${root}\n`,
    });
    expect(bad.err).toStartWith("error: bad: what is stored is not what was appended");
    const json = await cli(["verify", "bad", "--json"]);
    expect(
      json.out
        .trim()
        .split("\n")
        .map((line) => Object.keys(JSON.parse(line))[0]),
    ).toEqual(["damage", "result"]);
    expect(JSON.parse(json.err).error).toMatchObject({ code: "DATA_LOSS", reason: "DAMAGED" });
  });

  test("fails if the server ends before the result", async () => {
    routes = (router) =>
      router.service(IntegrityService, {
        async *verifyContext() {
          yield { step: { case: "progress", value: { verified: 1n, total: 2n } } };
        },
      });
    expect(await cli(["verify", "x"])).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringContaining("nothing is known"),
    });
  });
});

describe("checkpoint and key", () => {
  test("print and save what the server signs", async () => {
    const answer = {
      checkpoint: golden.checkpoint,
      origin: golden.origin,
      treeSize: 3n,
      root: Uint8Array.fromHex(golden.root),
    };
    routes = (router) =>
      router.service(IntegrityService, {
        getCheckpoint: ({ nodeLog }) => (nodeLog ? { ...answer, treeSize: 4n } : answer),
        getVerifierKeys: () => ({ origin: golden.origin, verifierKeys: [golden.key, "older"] }),
      });
    expect(await cli(["checkpoint", golden.contextId])).toEqual({ code: 0, out: golden.checkpoint, err: "" });
    const file = `${folder}/saved.checkpoint`;
    expect((await cli(["checkpoint", golden.contextId, "-o", file])).out).toContain(`root 3:${golden.root}`);
    expect(await Bun.file(file).text()).toBe(golden.checkpoint);
    const json = JSON.parse((await cli(["checkpoint", golden.contextId, "--json"])).out);
    expect(json).toEqual({
      checkpoint: golden.checkpoint,
      origin: golden.origin,
      treeSize: "3",
      root: Uint8Array.fromHex(golden.root).toBase64(),
    });
    // Its fields and its text say different things.
    expect((await cli(["checkpoint", "--node"])).code).toBe(1);
    expect((await cli(["key", golden.contextId])).out).toBe(`${golden.key}\nolder\n`);
    expect(JSON.parse((await cli(["key", "--json"])).out)).toEqual({
      origin: golden.origin,
      verifierKeys: [golden.key, "older"],
    });
  });
});

describe("tools of the data directory", () => {
  const steps: DataStep[] = [
    { kind: "progress", verified: 1, total: 2 },
    { kind: "log", log: { kind: "context", contextId: "a" }, size: 1, root: new Uint8Array(32) },
    { kind: "damage", log: { kind: "node" }, sequence: 3, detail: "why" },
    { kind: "damage", log: { kind: "file" }, sequence: 0, detail: "row 1 missing" },
    { kind: "result", contexts: 1, entries: 1, damaged: 2 },
  ];

  test("verify --data prints what was read, what is damaged and the result", async () => {
    const { code, out, err } = await cli(["verify", "--data", "dir"], {
      tools: { verifyData: () => each(steps) },
    });
    expect({ code, out }).toEqual({
      code: 1,
      out: [
        `a\tread\t1:${"00".repeat(32)}`,
        "the log of logs\tdamaged\t3\twhy",
        "the file\tdamaged\t-\trow 1 missing",
        "dir\t2 damaged\t1 context\t1 entry",
        "",
      ].join("\n"),
    });
    expect(err).toContain("2 findings");
  });

  test("verify --data prints JSON, and ends with 0 if all is well", async () => {
    const good: DataStep[] = [{ kind: "result", contexts: 1, entries: 2, damaged: 0 }];
    const { code, out, err } = await cli(["verify", "--data", "dir", "--json"], {
      tools: { verifyData: () => each(good) },
    });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(JSON.parse(out)).toEqual({ result: { contexts: "1", entries: "2", damaged: "0" } });
  });

  test("keygen and key --data hand on the settings and print keys", async () => {
    const calls: unknown[] = [];
    const log = { origin: "o", keys: ["new", "old"] };
    const tools: Partial<Tools> = {
      changeKeys: ({ data, logName }, change) => {
        calls.push([data, logName, change]);
        return Promise.resolve({ outcome: "rotated", log });
      },
      storedKeys: ({ data, nodeName }, contextId) => {
        calls.push([data, nodeName, contextId]);
        return Promise.resolve(log);
      },
    };
    const rotated = await cli(["keygen", "--data", "d", "--log-name", "example.org", "--rotate"], { tools });
    expect(rotated).toMatchObject({ code: 0, out: "new\nold\n", err: expect.stringContaining("rotated") });
    const json = await cli(["keygen", "--data", "d", "--json"], { tools });
    expect(JSON.parse(json.out)).toEqual({ outcome: "rotated", origin: "o", verifierKeys: ["new", "old"] });
    expect((await cli(["key", "ctx", "--data", "d", "--node-name", "n"], { tools })).out).toBe("new\nold\n");
    expect(calls).toEqual([
      ["d", "example.org", "rotate"],
      ["d", "converge.local", "make"],
      ["d", "n", "ctx"],
    ]);
  });
});

async function* each(steps: readonly DataStep[]): AsyncGenerator<DataStep> {
  yield* steps;
}

async function cli(
  args: readonly string[],
  { input = "", tools = {} }: { input?: string; tools?: Partial<Tools> } = {},
): Promise<{ code: number; out: string; err: string }> {
  const io = memoryIo({ input, env: { CONVERGE_LEDGER_URL: `http://127.0.0.1:${server.port}` } });
  const code = await runCli(args, io, { ...clientTools, ...tools });
  return { code, out: io.written.out(), err: io.written.err() };
}

async function write(name: string, content: string | Uint8Array): Promise<string> {
  await Bun.write(`${folder}/${name}`, content);
  return `${folder}/${name}`;
}

function base64(hexText: string): string {
  return Uint8Array.fromHex(hexText).toBase64();
}

/** Returns a checkpoint signed with the golden key. */
function note(size: number, root: string, origin: string = golden.origin): string {
  const body = checkpointBody({ origin, size, root: Uint8Array.fromHex(root) });
  const { publicKey } = parseVerifierKey(golden.key, hasher);
  const signature = signEd25519(privateKeyOfSeed(golden.seed), encodeUtf8(body));
  return formatNote(body, [{ name: origin, keyId: keyIdOf(origin, publicKey, hasher), signature }]);
}

/** Returns a note with another's signature under the same key id. */
function resigned(text: string): string {
  const body = text.slice(0, text.indexOf("\n\n") + 1);
  const signature = signEd25519(privateKeyOfSeed(new Uint8Array(32).fill(1)), encodeUtf8(body));
  const { name, keyId } = parseVerifierKey(golden.key, hasher);
  return formatNote(body, [{ name, keyId, signature }]);
}

function otherKey(): string {
  return formatVerifierKey("ledger.example/n1/other", parseVerifierKey(golden.key, hasher).publicKey, hasher);
}

function withHashes(answer: ProveInclusionResponse, hashes: Uint8Array[]): ProveInclusionResponse {
  const proof = answer.proof;
  return proof === undefined ? answer : { ...answer, proof: { ...proof, hashes } };
}
