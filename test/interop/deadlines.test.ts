/** Deadlines end waiting calls on time, on the server too; a cancelled call ends at once. */

import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { clientKinds, grpcJs } from "../support/client-kinds.ts";
import { curl, curlFeatures } from "../support/curl-client.ts";
import { errorOf } from "../support/interop-client.ts";
import { openClients, type OpenClients } from "../support/open-clients.ts";
import { scrape } from "../support/scrape.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { testEachClient } from "../support/test-each-client.ts";
import { patienceMs, until } from "../support/until.ts";

setDefaultTimeout(2 * patienceMs);

const service = "converge.context.v1.ContextService";
/** A Get that waits until somebody appends, which nobody does. */
const waiting = { contextId: "c", minSequence: "9" };
const timeoutMs = 300;
const hasHttp2 = (await curlFeatures()).includes("HTTP2");

let server: ServerProcess;
let clients: OpenClients;
let endedBefore: number;

beforeAll(async () => {
  server = await startServerProcess();
  clients = await openClients(server);
});

beforeEach(async () => {
  endedBefore = await ended();
});

afterAll(async () => {
  await clients[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** How many calls the server has ended by a deadline or because their client cancelled them. */
async function ended(): Promise<number> {
  const metrics = await scrape(server.url);
  let count = 0;
  for (const operation of ["Get", "Watch"]) {
    for (const protocol of ["grpc", "grpc-web", "connect"]) {
      for (const code of ["DEADLINE_EXCEEDED", "CANCELLED"])
        count += metrics.value(
          `converge_ledger_operation_duration_seconds_count{operation="${operation}",protocol="${protocol}",code="${code}"}`,
        );
    }
  }
  return count;
}

/** buf curl has no deadlines. */
const kinds = clientKinds.filter(({ name }) => !name.startsWith("buf"));

describe("a deadline", () => {
  testEachClient(kinds, "ends a Get of %s that waits", async (kind) => {
    const startMs = performance.now();
    const error = await errorOf(clients.of(kind), `${service}/Get`, waiting, { timeoutMs });
    expect(error.code).toBe("DEADLINE_EXCEEDED");
    expect(performance.now() - startMs).toBeGreaterThan(timeoutMs * 0.9);
    await until("the server has ended the call", async () => (await ended()) === endedBefore + 1);
  });

  testEachClient(
    kinds.filter(({ streams }) => streams),
    "ends a Watch of %s",
    async (kind) => {
      const error = await errorOf(clients.of(kind), `${service}/Watch`, { contextId: "c" }, { timeoutMs });
      expect(error.code).toBe("DEADLINE_EXCEEDED");
      await until("the server has ended the call", async () => (await ended()) === endedBefore + 1);
      expect((await scrape(server.url)).sum("converge_ledger_watchers")).toBe(0);
    },
  );

  test.skipIf(!hasHttp2).each([
    ["gRPC", "grpc", "application/grpc", "grpc-timeout: 300m"],
    ["gRPC-Web on the gRPC listener", "grpc", "application/grpc-web+proto", "grpc-timeout: 300m"],
    ["gRPC-Web", "http", "application/grpc-web+proto", "grpc-timeout: 300m"],
    ["Connect on the gRPC listener", "grpc", "application/connect+proto", "connect-timeout-ms: 300"],
    ["Connect", "http", "application/connect+proto", "connect-timeout-ms: 300"],
  ])(
    "ends a Watch over %s whose client itself has none (needs curl with HTTP2)",
    async (_, listener, type, deadline) => {
      const url = listener === "grpc" ? `http://${server.grpc}` : server.url;
      const frame = Uint8Array.of(0, 0, 0, 0, 3, 0x0a, 1, 0x63);
      const headers = ["-H", `content-type: ${type}`, "-H", "te: trailers", "-H", deadline];
      const answer = await curl(
        ["--http2-prior-knowledge", ...headers, "--data-binary", "@-", `${url}/${service}/Watch`],
        frame,
      );
      expect(answer.body.toString()).toMatch(/grpc-status: 4|deadline_exceeded/);
      expect((await scrape(server.url)).sum("converge_ledger_watchers")).toBe(0);
      expect(await ended()).toBe(endedBefore + 1);
    },
  );
});

describe("a client that goes away", () => {
  test.skipIf(grpcJs.lacks !== undefined)(
    "by kill -9 ends its Get that waits, over gRPC (needs node)",
    async () => {
      await using client = await grpcJs.open(server);
      const call = client.call(`${service}/Get`, waiting).catch((error: unknown) => error);
      // On the same connection, after the call that waits.
      expect(await client.call("grpc.health.v1.Health/Check", {})).toMatchObject({ error: undefined });
      await client.kill();
      expect(await call).toBeInstanceOf(Error);
      await until("the server has ended the call", async () => (await ended()) === endedBefore + 1);
    },
  );

  test.each(["application/json", "application/proto"])(
    "ends its Get that waits, over HTTP/1.1 with %s",
    async (type) => {
      const body = type === "application/json" ? JSON.stringify(waiting) : "\n\u0001c0\t";
      const request = `POST /${service}/Get HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
      const socket = connect({ host: "127.0.0.1", port: server.httpPort });
      await new Promise<void>((sent) => socket.write(request, () => sent()));
      socket.destroy();
      await until("the server has ended the call", async () => (await ended()) === endedBefore + 1);
    },
  );
});
