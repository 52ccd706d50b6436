/** Compressed requests and answers, on the wire and through the clients. */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { GetRequestSchema, GetResponseSchema } from "../../src/gen/converge/context/v1/context_pb.ts";
import { clientKinds } from "../support/client-kinds.ts";
import { curl, curlFeatures } from "../support/curl-client.ts";
import { answerOf, type Json } from "../support/interop-client.ts";
import { openClients, type OpenClients } from "../support/open-clients.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { testEachClient } from "../support/test-each-client.ts";
import { patienceMs } from "../support/until.ts";

setDefaultTimeout(2 * patienceMs);

const service = "converge.context.v1.ContextService";
const contextId = "soft";
const payload = btoa("soft as butter, ".repeat(20_000));
const hasCurl = (await curlFeatures()).includes("HTTP2");
const getBytes = toBinary(GetRequestSchema, create(GetRequestSchema, { contextId }));

let server: ServerProcess;
let clients: OpenClients;

beforeAll(async () => {
  server = await startServerProcess();
  clients = await openClients(server);
  const [kind] = clientKinds.filter(({ lacks }) => lacks === undefined);
  if (kind !== undefined)
    await answerOf(clients.of(kind), `${service}/Append`, { contextId, key: "k", payload });
});

afterAll(async () => {
  await clients[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const gzipping = clientKinds.filter(({ name }) => !name.startsWith("buf"));
testEachClient(gzipping, "%s sends gzipped requests and reads large answers", async (kind) => {
  const client = clients.of(kind);
  for (const text of ["short", "long, ".repeat(50_000)]) {
    const sent = { contextId: `gzipped by ${kind.name}`, key: "k", payload: btoa(text) };
    const { entry } = await answerOf(client, `${service}/Append`, sent, { gzip: true });
    expect((entry as Json)["payload"]).toBe(sent.payload);
  }
  const { entries } = (await answerOf(client, `${service}/Get`, { contextId }, { gzip: true })) as {
    entries: Json[];
  };
  expect(entries.map((entry) => entry["payload"])).toEqual([payload]);
});

test.skipIf(!hasCurl).each(["--http1.1", "--http2-prior-knowledge"])(
  "Connect answers gzip to who accepts it, and only then, %s (needs curl with HTTP2)",
  async (version) => {
    const ask = (...flags: string[]): ReturnType<typeof curl> =>
      curl(
        [
          version,
          "-H",
          "content-type: application/proto",
          ...flags,
          "--data-binary",
          "@-",
          `${server.url}/${service}/Get`,
        ],
        getBytes,
      );
    const plain = await ask();
    const zipped = await ask("-H", "accept-encoding: gzip");
    expect([plain.headers.get("content-encoding"), zipped.headers.get("content-encoding")]).toEqual([
      null,
      "gzip",
    ]);
    expect(zipped.body.length).toBeLessThan(plain.body.length / 10);
    expect(Buffer.from(Bun.gunzipSync(new Uint8Array(zipped.body))).equals(plain.body)).toBe(true);
  },
);

test.skipIf(!hasCurl)(
  "gRPC answers gzip to who accepts it, and only then (needs curl with HTTP2)",
  async () => {
    const plain = await grpcGet([]);
    const zipped = await grpcGet(["-H", "grpc-accept-encoding: gzip"]);
    expect([plain.body[0], zipped.body[0], zipped.headers.get("grpc-encoding")]).toEqual([0, 1, "gzip"]);
    const messages = [messageOf(plain.body), Bun.gunzipSync(new Uint8Array(messageOf(zipped.body)))];
    const payloads = messages.map((bytes) =>
      fromBinary(GetResponseSchema, bytes).entries.map((entry) => entry.payload.length),
    );
    expect(payloads).toEqual([[320_000], [320_000]]);
  },
);

test.skipIf(!hasCurl)(
  "an encoding that is not known is UNIMPLEMENTED, and the answer names those that are (needs curl with HTTP2)",
  async () => {
    const connect = await curl([
      "-H",
      "content-type: application/json",
      "-H",
      "content-encoding: snappy",
      "-d",
      "{}",
      `${server.url}/${service}/Get`,
    ]);
    expect(JSON.parse(connect.body.toString())).toMatchObject({
      code: "unimplemented",
      message: expect.stringContaining("gzip"),
    });
    const grpc = await grpcGet(["-H", "grpc-encoding: snappy"], 1);
    expect(grpc.body.toString()).toContain("grpc-status: 12");
    expect(grpc.body.toString()).toMatch(
      /grpc-message: unknown compression "snappy": supported encodings are gzip/,
    );
  },
);

test.skipIf(!hasCurl)(
  "a body that says gzip and is not is INVALID_ARGUMENT, and ends nothing (needs curl with HTTP2)",
  async () => {
    const connect = await curl([
      "-H",
      "content-type: application/json",
      "-H",
      "content-encoding: gzip",
      "-d",
      "{}",
      `${server.url}/${service}/Get`,
    ]);
    expect(JSON.parse(connect.body.toString())).toMatchObject({ code: "invalid_argument" });
    const grpc = await grpcGet(["-H", "grpc-encoding: gzip"], 1);
    expect(grpc.body.toString()).toContain("grpc-status: 3");
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  },
);

/** Calls Get over gRPC by hand; `flag` is the first byte of the message's frame. Trailers follow the body. */
async function grpcGet(flags: readonly string[], flag = 0): ReturnType<typeof curl> {
  const frame = Buffer.concat([Buffer.from([flag, 0, 0, 0, getBytes.length]), getBytes]);
  const grpc = ["--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers"];
  return curl([...grpc, ...flags, "--data-binary", "@-", `http://${server.grpc}/${service}/Get`], frame);
}

/** Returns the message of the only frame. */
function messageOf(body: Buffer): Buffer {
  return body.subarray(5, 5 + body.readUInt32BE(1));
}
