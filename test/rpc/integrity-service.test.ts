import { describe, expect, test } from "bun:test";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { LedgerError } from "../../src/core/errors.ts";
import type { Operation } from "../../src/core/metrics.ts";
import {
  GetTreeHeadRequestSchema,
  IntegrityService,
  ProveInclusionRequestSchema,
  TreeProfile,
  VerifyContextResponseSchema,
} from "../../src/gen/converge/ledger/v1/integrity_pb.ts";
import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import type { Integrity } from "../../src/ledger/integrity.ts";
import { createIntegrityService } from "../../src/rpc/integrity-service.ts";
import { observeCalls } from "../../src/rpc/observe-calls.ts";
import { fakeIntegrity, hash, note } from "./fake-integrity.ts";

const context = { kind: "context", contextId: "c" } as const;
const node = { kind: "node" } as const;

/** Returns a client of the service over `integrity`, and the operations that were measured. */
function clientOf(integrity: Integrity) {
  const measured: Operation[] = [];
  const metrics = {
    operation: (operation: Operation) => void measured.push(operation),
    commit: () => {},
    watcher: () => {},
    childRestarted: () => {},
  };
  const transport = createRouterTransport(
    (router) => void router.service(IntegrityService, createIntegrityService(integrity)),
    { router: { interceptors: [observeCalls(metrics)] } },
  );
  return { client: createClient(IntegrityService, transport), measured };
}

type Client = ReturnType<typeof clientOf>["client"];

describe("IntegrityService asks the ledger and answers what it says:", () => {
  test("GetCheckpoint of a context and of the node", async () => {
    const integrity = fakeIntegrity();
    const { client, measured } = clientOf(integrity);
    expect(await client.getCheckpoint({ contextId: "c" })).toMatchObject({
      checkpoint: note,
      origin: "test/n1/c",
      treeSize: 7n,
      root: hash(7),
    });
    await client.getCheckpoint({ nodeLog: true });
    expect(integrity.asked).toEqual([
      ["checkpoint", context],
      ["checkpoint", node],
    ]);
    expect(measured).toEqual(["GetCheckpoint", "GetCheckpoint"]);
  });

  test("GetTreeHead at the newest size, at 0 and at a past one, in both profiles", async () => {
    const integrity = fakeIntegrity();
    const { client, measured } = clientOf(integrity);
    expect(await client.getTreeHead({ contextId: "c" })).toMatchObject({ treeSize: 7n, root: hash(7) });
    await client.getTreeHead({ contextId: "c", treeSize: 0n, profile: TreeProfile.RFC6962 });
    await client.getTreeHead({ contextId: "c", treeSize: 2n ** 64n - 1n, profile: TreeProfile.SEED });
    await client.getTreeHead({ nodeLog: true, treeSize: 3n });
    expect(integrity.asked).toEqual([
      ["treeHead", context, undefined, "rfc6962"],
      ["treeHead", context, 0n, "rfc6962"],
      ["treeHead", context, 2n ** 64n - 1n, "seed"],
      ["treeHead", node, 3n, "rfc6962"],
    ]);
    expect(new Set(measured)).toEqual(new Set(["GetTreeHead"]));
  });

  test("ProveInclusion, without checkpoint", async () => {
    const integrity = fakeIntegrity();
    const { client } = clientOf(integrity);
    const answer = await client.proveInclusion({ contextId: "c", sequence: 3n, treeSize: 5n });
    expect(answer).toMatchObject({
      proof: { leafIndex: 2n, treeSize: 5n, root: hash(5), hashes: [hash(100), hash(101)] },
      leafHash: hash(50),
      checkpoint: "",
    });
    expect(answer.record).toHaveLength(0);
    await client.proveInclusion({ contextId: "c", sequence: 3n, profile: TreeProfile.SEED });
    expect(integrity.asked).toEqual([
      ["inclusion", "c", 3n, 5n, "rfc6962"],
      ["inclusion", "c", 3n, undefined, "seed"],
    ]);
  });

  test("ProveInclusion with all that evidence is made of", async () => {
    const integrity = fakeIntegrity();
    const { client } = clientOf(integrity);
    expect(await client.proveInclusion({ contextId: "c", sequence: 3n, checkpoint: true })).toMatchObject({
      proof: { leafIndex: 2n, treeSize: 7n, root: hash(7), hashes: [hash(100), hash(101)] },
      leafHash: hash(50),
      record: new Uint8Array([1, 2, 3]),
      checkpoint: note,
    });
    expect(integrity.asked).toEqual([["evidence", "c", 3n]]);
  });

  test("ProveConsistency", async () => {
    const integrity = fakeIntegrity();
    const { client } = clientOf(integrity);
    expect(await client.proveConsistency({ contextId: "c", firstSize: 2n, secondSize: 6n })).toMatchObject({
      firstSize: 2n,
      firstRoot: hash(2),
      secondSize: 6n,
      secondRoot: hash(6),
      hashes: [hash(102)],
    });
    expect(await client.proveConsistency({ nodeLog: true, firstSize: 2n })).toMatchObject({ secondSize: 7n });
    expect(integrity.asked).toEqual([
      ["consistency", context, 2n, 6n],
      ["consistency", node, 2n, undefined],
    ]);
  });

  test("ProveContext", async () => {
    const integrity = fakeIntegrity();
    const { client } = clientOf(integrity);
    expect(await client.proveContext({ contextId: "c" })).toMatchObject({
      generation: 1n,
      treeSize: 4n,
      root: hash(4),
      record: new Uint8Array([1, 2, 3]),
      proof: { leafIndex: 2n, treeSize: 7n, root: hash(7), hashes: [hash(100), hash(101)] },
      checkpoint: note,
    });
    expect(integrity.asked).toEqual([["contextEvidence", "c"]]);
  });

  test("GetVerifierKeys", async () => {
    const integrity = fakeIntegrity();
    const { client } = clientOf(integrity);
    expect(await client.getVerifierKeys({ nodeLog: true })).toMatchObject({
      origin: "test/n1/c",
      verifierKeys: ["new+00+x", "old+00+x"],
    });
    expect(integrity.asked).toEqual([["verifierKeys", node]]);
  });

  test("VerifyContext, step by step", async () => {
    const integrity = fakeIntegrity();
    const { client, measured } = clientOf(integrity);
    const steps = await Array.fromAsync(client.verifyContext({ contextId: "c" }));
    expect(steps.map((step) => toJson(VerifyContextResponseSchema, step))).toEqual([
      { progress: { verified: "3", total: "7" } },
      { damage: { sequence: "3", detail: "hash" } },
      { damage: { detail: "tree" } },
      { result: { treeSize: "7", root: hash(7).toBase64(), damaged: "2" } },
    ]);
    expect(integrity.asked).toEqual([["verify", context]]);
    expect(measured).toEqual(["VerifyContext"]);
  });
});

test("VerifyContext tells the ledger to stop when its client has gone", async () => {
  const stopped = Promise.withResolvers<void>();
  const integrity: Integrity = {
    ...fakeIntegrity(),
    async *verify(_log, signal) {
      signal?.addEventListener("abort", () => stopped.resolve());
      yield { kind: "progress", verified: 1, total: 2 };
      await stopped.promise;
    },
  };
  const abort = new AbortController();
  const { client } = clientOf(integrity);
  const failure = (async () => {
    for await (const _ of client.verifyContext({ contextId: "c" }, { signal: abort.signal })) abort.abort();
  })().catch((error: unknown) => ConnectError.from(error).code);
  await stopped.promise;
  expect(await failure).toBe(Code.Canceled);
});

describe("IntegrityService refuses", () => {
  const both = { contextId: "c", nodeLog: true };
  const long = { contextId: "x".repeat(1025) };
  const refusals: [what: string, call: (client: Client) => Promise<unknown>, reason: string][] = [
    ["GetCheckpoint of nothing", (client) => client.getCheckpoint({}), "CONTEXT_ID_MISSING"],
    ["GetCheckpoint of two logs", (client) => client.getCheckpoint(both), "LOG_AMBIGUOUS"],
    ["GetCheckpoint of a long id", (client) => client.getCheckpoint(long), "CONTEXT_ID_TOO_LONG"],
    ["GetTreeHead of nothing", (client) => client.getTreeHead({}), "CONTEXT_ID_MISSING"],
    ["GetTreeHead of two logs", (client) => client.getTreeHead(both), "LOG_AMBIGUOUS"],
    [
      "GetTreeHead of the node in the seed profile",
      (client) => client.getTreeHead({ nodeLog: true, profile: TreeProfile.SEED }),
      "PROFILE_UNAVAILABLE",
    ],
    [
      "GetTreeHead in a profile without a name",
      (client) => client.getTreeHead(fromBinary(GetTreeHeadRequestSchema, Buffer.from("0a01632003", "hex"))),
      "PROFILE_UNKNOWN",
    ],
    ["ProveInclusion in nothing", (client) => client.proveInclusion({}), "CONTEXT_ID_MISSING"],
    [
      "ProveInclusion in a profile without a name",
      (client) =>
        client.proveInclusion(
          fromBinary(ProveInclusionRequestSchema, Buffer.from("0a016320ffffffffffffffffff01", "hex")),
        ),
      "PROFILE_UNKNOWN",
    ],
    [
      "ProveInclusion with a checkpoint in the seed profile",
      (client) => client.proveInclusion({ contextId: "c", checkpoint: true, profile: TreeProfile.SEED }),
      "PROFILE_UNAVAILABLE",
    ],
    [
      "ProveInclusion with a checkpoint at a size",
      (client) => client.proveInclusion({ contextId: "c", checkpoint: true, treeSize: 0n }),
      "TREE_SIZE_OF_CHECKPOINT",
    ],
    ["ProveConsistency of two logs", (client) => client.proveConsistency(both), "LOG_AMBIGUOUS"],
    ["ProveConsistency of nothing", (client) => client.proveConsistency({}), "CONTEXT_ID_MISSING"],
    ["ProveContext of nothing", (client) => client.proveContext({}), "CONTEXT_ID_MISSING"],
    ["ProveContext of ..", (client) => client.proveContext({ contextId: ".." }), "CONTEXT_ID_RESERVED"],
    ["GetVerifierKeys of two logs", (client) => client.getVerifierKeys(both), "LOG_AMBIGUOUS"],
    ["VerifyContext of two logs", (client) => Array.fromAsync(client.verifyContext(both)), "LOG_AMBIGUOUS"],
    ["VerifyContext of nothing", (client) => Array.fromAsync(client.verifyContext({})), "CONTEXT_ID_MISSING"],
  ];

  test.each(refusals)("%s", async (_, call, reason) => {
    const integrity = fakeIntegrity();
    expect(await failureOf(call(clientOf(integrity).client))).toEqual([Code.InvalidArgument, reason]);
    expect(integrity.asked).toEqual([]);
  });

  test("what the ledger refuses, in the ledger's words", async () => {
    const integrity: Integrity = {
      ...fakeIntegrity(),
      treeHead: () => Promise.reject(new LedgerError("OUT_OF_RANGE", "no", { reason: "TEST", limit: 7 })),
      verify: () => {
        throw new LedgerError("DATA_LOSS", "no", { reason: "TEST" });
      },
    };
    const { client } = clientOf(integrity);
    expect(await failureOf(client.getTreeHead({ contextId: "c" }))).toEqual([Code.OutOfRange, "TEST"]);
    expect(await failureOf(Array.fromAsync(client.verifyContext({ contextId: "c" })))).toEqual([
      Code.DataLoss,
      "TEST",
    ]);
  });
});

async function failureOf(work: Promise<unknown>): Promise<[Code, string | undefined]> {
  const error = await work.then(
    () => new ConnectError("it did not fail", Code.Unknown),
    (reason: unknown) => ConnectError.from(reason),
  );
  return [error.code, error.findDetails(ErrorInfoSchema)[0]?.reason];
}
