/** Every client is told the same error for the same mistake: code, text and details. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import { clientKinds } from "../support/client-kinds.ts";
import {
  answerOf,
  type CallError,
  errorOf,
  type InteropClient,
  type Json,
} from "../support/interop-client.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { patienceMs } from "../support/until.ts";

setDefaultTimeout(2 * patienceMs);

const service = "converge.context.v1.ContextService";
const ledger = "converge.ledger.v1.LedgerService";
const contextId = "c";

interface Mistake {
  readonly name: string;
  readonly method: string;
  readonly request: Json;
  readonly code: string;
  readonly reason: string;
  /** A part of the details: the offending value as the client sent it. */
  readonly value?: string;
  /** True if the method answers with a stream. */
  readonly streams?: boolean;
}

const mistakes: readonly Mistake[] = [
  {
    name: "a missing context_id",
    method: `${service}/Append`,
    request: { key: "k" },
    code: "INVALID_ARGUMENT",
    reason: "CONTEXT_ID_MISSING",
  },
  {
    name: "a missing key",
    method: `${service}/Append`,
    request: { contextId },
    code: "INVALID_ARGUMENT",
    reason: "KEY_MISSING",
  },
  {
    name: "a reserved context_id",
    method: `${service}/Append`,
    request: { contextId: "..", key: "k" },
    code: "INVALID_ARGUMENT",
    reason: "CONTEXT_ID_RESERVED",
  },
  {
    name: "a control character in a key",
    method: `${service}/Append`,
    request: { contextId, key: "ä\u0001" },
    code: "INVALID_ARGUMENT",
    reason: "KEY_CONTROL_CHARACTER",
  },
  {
    name: "a reserved metadata name that is not ASCII",
    method: `${service}/Append`,
    request: { contextId, key: "k", metadata: { "converge-ledger/ö%": "" } },
    code: "INVALID_ARGUMENT",
    reason: "METADATA_NAME_RESERVED",
    value: "converge-ledger/ö%",
  },
  {
    name: "a Lamport time beyond 2^62",
    method: `${service}/Append`,
    request: { contextId, key: "k", receivedLamport: "4611686018427387905" },
    code: "INVALID_ARGUMENT",
    reason: "RECEIVED_LAMPORT_OUT_OF_RANGE",
    value: "4611686018427387905",
  },
  {
    name: "a Lamport time that jumps, beyond 2^53",
    method: `${service}/Append`,
    request: { contextId, key: "k", receivedLamport: "9007199254740993" },
    code: "INVALID_ARGUMENT",
    reason: "RECEIVED_LAMPORT_JUMP",
    value: "9007199254740993",
  },
  {
    name: "an idempotency key with other content",
    method: `${service}/Append`,
    request: { contextId, key: "k", idempotencyKey: "first", payload: "AAAA" },
    code: "ALREADY_EXISTS",
    reason: "IDEMPOTENCY_KEY_REUSED",
  },
  {
    name: "more copies than there are nodes",
    method: `${service}/Append`,
    request: { contextId, key: "k", minCopies: 2 },
    code: "FAILED_PRECONDITION",
    reason: "TOO_FEW_HOLDERS",
  },
  {
    name: "a checkpoint of two logs",
    method: "converge.ledger.v1.IntegrityService/GetCheckpoint",
    request: { contextId, nodeLog: true },
    code: "INVALID_ARGUMENT",
    reason: "LOG_AMBIGUOUS",
  },
  {
    name: "a resume token that is none",
    method: `${service}/Get`,
    request: { contextId, resumeToken: "AAAA" },
    code: "INVALID_ARGUMENT",
    reason: "CURSOR_INVALID",
  },
  {
    name: "a snapshot that ends too early",
    method: `${service}/Load`,
    request: { contextId: "new", snapshot: "Q0xTTkFQMwoAAAAD" },
    code: "INVALID_ARGUMENT",
    reason: "SNAPSHOT_TRUNCATED",
  },
  {
    name: "a snapshot of the first implementation",
    method: `${service}/Load`,
    request: { contextId: "new", snapshot: "g3QAAAAA" },
    code: "INVALID_ARGUMENT",
    reason: "SNAPSHOT_DAMAGED",
  },
  {
    name: "an empty batch",
    method: `${ledger}/AppendBatch`,
    request: { contextId },
    code: "INVALID_ARGUMENT",
    reason: "BATCH_EMPTY",
  },
  {
    name: "a context that does not exist",
    method: `${ledger}/GetContext`,
    request: { contextId: "nobody's" },
    code: "NOT_FOUND",
    reason: "CONTEXT_NOT_FOUND",
  },
  {
    name: "a watch from above the newest sequence",
    method: `${service}/Watch`,
    request: { contextId, fromSequence: "9007199254740993" },
    code: "OUT_OF_RANGE",
    reason: "SEQUENCE_ABOVE_HEAD",
    value: "9007199254740993",
    streams: true,
  },
  {
    name: "a heartbeat that is too fast",
    method: `${service}/Watch`,
    request: { contextId, heartbeatMs: 1 },
    code: "INVALID_ARGUMENT",
    reason: "HEARTBEAT_OUT_OF_RANGE",
    streams: true,
  },
];

/** One of each protocol and make. */
const usable = clientKinds.filter(
  ({ name, lacks }) => lacks === undefined && !name.endsWith("on the gRPC listener"),
);
const clients = new Map<string, InteropClient>();
let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess();
  for (const kind of usable) clients.set(kind.name, await kind.open(server));
  const [first] = clients.values();
  if (first === undefined) throw new Error("there is no client");
  await answerOf(first, `${service}/Append`, { contextId, key: "k", idempotencyKey: "first" });
});

afterAll(async () => {
  await Promise.all([...clients.values()].map((client) => client[Symbol.asyncDispose]()));
  await server[Symbol.asyncDispose]();
});

describe("every client is told the same about", () => {
  test.each(mistakes.map((mistake) => [mistake.name, mistake] as const))("%s", async (_, mistake) => {
    const able = usable.filter(({ streams }) => mistake.streams !== true || streams);
    const told = await Promise.all(
      able.map(async ({ name }) => ({ name, error: await toldTo(name, mistake) })),
    );
    // The last client speaks Connect in JSON, where nothing is encoded.
    const reference = told.at(-1)?.error;
    expect(told.filter(({ error }) => !Bun.deepEquals(error, reference))).toEqual([]);
    expect(reference?.code).toBe(mistake.code);
    const info = errorInfo(reference);
    expect([info.reason, info.domain]).toEqual([mistake.reason, "converge-ledger"]);
    expect(mistake.value ?? info.metadata["value"]).toBe(info.metadata["value"]);
    expect(reference?.message).toEndWith(info.metadata["remedy"] ?? "a remedy");
  });
});

test("nothing was written by any mistake", async () => {
  const [first] = clients.values();
  if (first === undefined) throw new Error("there is no client");
  const { contexts } = await answerOf(first, `${ledger}/ListContexts`, {});
  expect(contexts).toMatchObject([{ contextId, entryCount: "1" }]);
});

async function toldTo(name: string, { method, request }: Mistake): Promise<CallError> {
  const client = clients.get(name);
  if (client === undefined) throw new Error(`there is no client ${name}`);
  return errorOf(client, method, request);
}

function errorInfo(error: CallError | undefined): {
  reason: string;
  domain: string;
  metadata: Record<string, string>;
} {
  const detail = error?.details.find(({ type }) => type === "google.rpc.ErrorInfo");
  return fromBinary(ErrorInfoSchema, base64Decode(detail?.value ?? ""));
}
