import http2 from "node:http2";
import { describe, expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ContextService, WatchRequestSchema } from "../../src/gen/converge/context/v1/context_pb.ts";
import { LedgerService } from "../../src/gen/converge/ledger/v1/ledger_pb.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../src/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionV1Alpha } from "../../src/gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { nextTurn } from "../support/ledger-clock.ts";
import {
  callHttp,
  callHttp2,
  frame,
  framesOf,
  type Listening,
  startListeners,
} from "../support/ledger-listeners.ts";
import { append, appendMany, get } from "../support/ledger-world.ts";

function transport(server: Listening) {
  return createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.grpcPort}` });
}

describe("a Host that is not loopback", () => {
  test.each([
    "evil.example",
    "evil.example:8080",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "10.0.0.1",
    "[::2]",
  ])("%p is answered with 421 on both listeners", async (host) => {
    await using server = await startListeners();
    const path = "/converge.context.v1.ContextService/Get";
    const answer = await rawHttp(
      server.httpPort,
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 (421|400) /);
    const session = http2.connect(`http://127.0.0.1:${server.grpcPort}`);
    const status = await new Promise<number>((resolve, reject) => {
      const stream = session.request({
        ":method": "POST",
        ":path": path,
        ":authority": host,
        "content-type": "application/grpc",
      });
      stream.on("response", (headers) => resolve(Number(headers[":status"])));
      stream.on("error", reject);
      stream.end();
    });
    session.close();
    expect(status).toBe(421);
    expect(server.general.calls).toBe(0);
    expect(server.calls).toEqual([]);
  });

  test.each(["127.0.0.1", "localhost", "LOCALHOST:1", "[::1]:80", "ledger.internal", "Ledger.Internal:8080"])(
    "%p is answered where it is loopback or allowed",
    async (host) => {
      await using server = await startListeners({ allowHost: ["ledger.internal"] });
      const answer = await rawHttp(
        server.httpPort,
        `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toStartWith("HTTP/1.1 200 ");
    },
  );
});

/** Sends text over TCP and returns what comes until the server closes. */
async function rawHttp(port: number, text: string): Promise<string> {
  const chunks: Buffer[] = [];
  const closed = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, data) => void chunks.push(Buffer.from(data)),
      close: () => closed.resolve(),
      error: () => closed.resolve(),
    },
  });
  socket.write(text);
  await closed.promise;
  return Buffer.concat(chunks).toString();
}

describe("plain pages", () => {
  test("healthz, readyz and metrics", async () => {
    await using server = await startListeners();
    const page = async (path: string) => {
      const { status, body } = await callHttp(server.httpPort, { path, method: "GET" });
      return [status, body.toString()];
    };
    expect(await page("/healthz")).toEqual([200, "ok\n"]);
    expect(await page("/readyz")).toEqual([200, "[+]storage ok\n"]);
    expect(await page("/metrics")).toEqual([200, "metrics\n"]);
    expect(await page("/nothing")).toEqual([404, "not found\n"]);
    server.checks.push({ name: "integrity", ok: true, degraded: true, detail: "1 entry damaged" });
    expect(await page("/readyz")).toEqual([200, "[+]storage ok\n[!]integrity degraded: 1 entry damaged\n"]);
    server.checks.pop();
    server.checks.push({ name: "grpc", ok: false, detail: "crashed" });
    expect(await page("/readyz")).toEqual([503, "[+]storage ok\n[-]grpc crashed\n"]);
    const [status, verbose] = await page("/readyz?verbose");
    expect([status, JSON.parse(String(verbose))]).toEqual([503, { checks: server.checks }]);
  });

  test("CORS headers only for origins that are allowed", async () => {
    await using server = await startListeners({ corsOrigins: ["http://page.example"] });
    const allowed = async (origin: string, method: string): Promise<string | undefined> => {
      const headers = { origin, "access-control-request-method": "POST" };
      const reply = await callHttp(server.httpPort, {
        path: "/converge.context.v1.ContextService/Get",
        method,
        headers,
      });
      return reply.headers["access-control-allow-origin"];
    };
    expect([
      await allowed("http://page.example", "OPTIONS"),
      await allowed("http://page.example", "POST"),
    ]).toEqual(["http://page.example", "http://page.example"]);
    expect([
      await allowed("http://evil.example", "OPTIONS"),
      await allowed("http://evil.example", "POST"),
    ]).toEqual([undefined, undefined]);
    await using closed = await startListeners();
    const { headers } = await callHttp(closed.httpPort, {
      path: "/healthz",
      method: "GET",
      headers: { origin: "http://page.example" },
    });
    expect(headers["access-control-allow-origin"]).toBeUndefined();
  });
});

describe("a client that goes away", () => {
  const path = "/converge.context.v1.ContextService/Watch";
  const message = toBinary(
    WatchRequestSchema,
    create(WatchRequestSchema, { contextId: "c", controlEvents: true }),
  );
  const enough = (body: Buffer): boolean => framesOf(body).length >= 1;

  test.each<[string, (server: Listening) => Promise<unknown>]>([
    [
      "Connect over HTTP/1.1",
      (server) =>
        callHttp(server.httpPort, {
          path,
          headers: { "content-type": "application/connect+proto" },
          body: frame(message),
          enough,
        }),
    ],
    [
      "Connect over HTTP/2",
      (server) =>
        callHttp2(server.httpPort, {
          path,
          headers: { "content-type": "application/connect+proto" },
          body: frame(message),
          enough,
        }),
    ],
    [
      "Connect in JSON",
      (server) =>
        callHttp(server.httpPort, {
          path,
          headers: { "content-type": "application/connect+json" },
          body: frame(Buffer.from('{"contextId":"c","controlEvents":true}')),
          enough,
        }),
    ],
    [
      "gRPC-Web",
      (server) =>
        callHttp(server.httpPort, {
          path,
          headers: { "content-type": "application/grpc-web+proto" },
          body: frame(message),
          enough,
        }),
    ],
    [
      "gRPC",
      (server) =>
        callHttp2(server.grpcPort, {
          path,
          headers: { "content-type": "application/grpc" },
          body: frame(message),
          enough,
        }),
    ],
    [
      "gRPC on the general path",
      (server) =>
        callHttp2(server.grpcPort, {
          path: `${path}?general`,
          headers: { "content-type": "application/grpc" },
          body: frame(message),
          enough,
        }),
    ],
    [
      "gRPC, its connection",
      async (server) => {
        const session = http2.connect(`http://127.0.0.1:${server.grpcPort}`);
        session.on("error", () => {});
        const stream = session.request({
          ":method": "POST",
          ":path": path,
          "content-type": "application/grpc",
        });
        stream.on("error", () => {});
        stream.end(frame(message));
        await new Promise((resolve) => stream.once("data", resolve));
        session.destroy();
      },
    ],
  ])("leaves no watcher behind: %s", async (_, call) => {
    await using server = await startListeners();
    await append(server.ledger, "c");
    await call(server);
    while (server.ledger.watchCounts().watchers > 0 || server.calls.length === 0) await nextTurn();
    expect(server.calls.map(([operation, , code]) => [operation, code])).toEqual([["Watch", "CANCELLED"]]);
    expect([...server.watching.values()]).toEqual([0]);
    expect(server.failures).toEqual([]);
    expect(await append(server.ledger, "c")).toMatchObject({ sequence: 2 });
  });

  test("ends its wait for min_sequence", async () => {
    await using server = await startListeners();
    const client = createClient(ContextService, transport(server));
    const abort = new AbortController();
    const waiting = client.get({ contextId: "c", minSequence: 5n }, { signal: abort.signal });
    while (server.clock.pending === 0) await nextTurn();
    abort.abort();
    expect(ConnectError.from(await waiting.catch((error: unknown) => error)).code).toBe(Code.Canceled);
    while (server.clock.pending > 0) await nextTurn();
    expect(server.ledger.watchCounts().watchers).toBe(0);
  });

  test("during an append does not undo it", async () => {
    await using server = await startListeners();
    server.store.hold();
    const client = createClient(ContextService, transport(server));
    const abort = new AbortController();
    const appending = client.append({ contextId: "c", key: "k" }, { signal: abort.signal });
    while (server.store.commits.length === 0) await nextTurn();
    abort.abort();
    expect(ConnectError.from(await appending.catch((error: unknown) => error)).code).toBe(Code.Canceled);
    server.store.release();
    await server.ledger.drained();
    expect((await get(server.ledger, "c")).latestSequence).toBe(1);
  });
});

describe("LedgerService over gRPC", () => {
  test("copies a context through SnapshotStream and LoadStream", async () => {
    await using server = await startListeners();
    await appendMany(server.ledger, "c", 3000);
    const client = createClient(LedgerService, transport(server));
    const parts = await Array.fromAsync(client.snapshotStream({ contextId: "c" }));
    const summary = parts.at(-1)?.part;
    expect(summary).toMatchObject({
      case: "summary",
      value: { sequence: 3000n, metadata: { entryCount: 3000n, version: 3 } },
    });
    const chunks = parts.flatMap(({ part }) => (part.case === "chunk" ? [part.value] : []));
    async function* requests() {
      yield { options: { contextId: "copy", failIfExists: true } };
      for (const chunk of chunks) yield { chunk };
    }
    expect(await client.loadStream(requests())).toMatchObject({
      entriesRestored: 3000n,
      entriesAdded: 3000n,
      latestSequence: 3000n,
    });
    const again = client.loadStream(requests()).catch((error: unknown) => ConnectError.from(error).code);
    expect(await again).toBe(Code.AlreadyExists);
    const { contexts } = await client.listContexts({});
    expect(contexts.map(({ contextId, latestSequence }) => [contextId, latestSequence])).toEqual([
      ["c", 3000n],
      ["copy", 3000n],
    ]);
  });

  test.each([
    ["no options", [{ chunk: new Uint8Array(1) }], "OPTIONS_MISSING"],
    ["no message", [], "OPTIONS_MISSING"],
    ["options twice", [{ options: { contextId: "c" } }, { options: { contextId: "c" } }], "OPTIONS_REPEATED"],
  ])("LoadStream with %s is INVALID_ARGUMENT", async (_, requests, reason) => {
    await using server = await startListeners();
    const client = createClient(LedgerService, transport(server));
    const error = await client
      .loadStream(
        (async function* () {
          yield* requests;
        })(),
      )
      .catch((failure: unknown) => ConnectError.from(failure));
    const { ErrorInfoSchema } = await import("../../src/gen/google/rpc/error_details_pb.ts");
    expect((error as ConnectError).code).toBe(Code.InvalidArgument);
    expect((error as ConnectError).findDetails(ErrorInfoSchema)[0]?.reason).toBe(reason);
    expect(await server.ledger.totals()).toMatchObject({ entries: 0 });
  });
});

describe("health over gRPC", () => {
  test("check answers for the server and its services, and NOT_FOUND for others", async () => {
    await using server = await startListeners();
    const client = createClient(Health, transport(server));
    const ours = ["context.v1.ContextService", "ledger.v1.LedgerService", "ledger.v1.IntegrityService"];
    for (const service of ["", ...ours.map((name) => `converge.${name}`)]) {
      expect(await client.check({ service })).toMatchObject({ status: Status.SERVING });
    }
    server.checks.push({ name: "storage", ok: false });
    expect(await client.check({})).toMatchObject({ status: Status.NOT_SERVING });
    const error = await client.check({ service: "nothing" }).catch((failure: unknown) => failure);
    expect(ConnectError.from(error).code).toBe(Code.NotFound);
  });

  test("of a name of any length stays small enough for trailers", async () => {
    await using server = await startListeners();
    const client = createClient(Health, transport(server));
    for (const [length, code] of [
      [60_000, Code.NotFound],
      [500_000, Code.ResourceExhausted],
    ] as const) {
      const error = ConnectError.from(
        await client.check({ service: "x".repeat(length) }).catch((failure: unknown) => failure),
      );
      expect(error.code).toBe(code);
      expect(error.rawMessage.length).toBeLessThan(500);
    }
  });

  test("watch tells every change, once", async () => {
    await using server = await startListeners();
    const abort = new AbortController();
    const seen: Status[] = [];
    const watching = (async () => {
      const client = createClient(Health, transport(server));
      for await (const { status } of client.watch({}, { signal: abort.signal })) seen.push(status);
    })().catch((failure: unknown) => ConnectError.from(failure).code);
    const until = async (count: number): Promise<void> => {
      while (seen.length < count) await nextTurn();
    };
    await until(1);
    server.changed();
    server.checks.push({ name: "storage", ok: false });
    server.changed();
    await until(2);
    server.checks.pop();
    server.changed();
    await until(3);
    abort.abort();
    expect(await watching).toBe(Code.Canceled);
    expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
  });
});

describe.each([
  ["v1", ServerReflection],
  ["v1alpha", ServerReflectionV1Alpha],
] as const)("reflection over gRPC, %s,", (_, service) => {
  test("lists the services and describes each with all that it imports", async () => {
    await using server = await startListeners();
    const client = createClient(service, transport(server));
    async function* requests() {
      yield { host: "h", messageRequest: { case: "listServices", value: "" } as const };
      yield {
        messageRequest: {
          case: "fileContainingSymbol",
          value: "converge.context.v1.ContextService",
        } as const,
      };
      yield {
        messageRequest: {
          case: "fileContainingSymbol",
          value: "converge.context.v1.ContextService.Append",
        } as const,
      };
      yield {
        messageRequest: {
          case: "fileContainingSymbol",
          value: "converge.ledger.v1.AppendBatchRequest",
        } as const,
      };
      yield {
        messageRequest: { case: "fileByFilename", value: "converge/context/v1/context.proto" } as const,
      };
      yield { messageRequest: { case: "fileContainingSymbol", value: "no.Such" } as const };
      yield { messageRequest: { case: "fileByFilename", value: "" } as const };
      yield {
        messageRequest: { case: "allExtensionNumbersOfType", value: "converge.context.v1.Entry" } as const,
      };
      yield {
        messageRequest: {
          case: "fileContainingExtension",
          value: { containingType: "x", extensionNumber: 1 },
        } as const,
      };
      yield {};
    }
    const answers = await Array.fromAsync(client.serverReflectionInfo(requests()));
    const [list, ...rest] = answers.map(({ messageResponse }) => messageResponse);
    expect(
      list?.case === "listServicesResponse" && list.value.service.map(({ name }) => name).sort(),
    ).toEqual([
      "converge.context.v1.ContextService",
      "converge.ledger.v1.ClusterService",
      "converge.ledger.v1.DiscoveryService",
      "converge.ledger.v1.IntegrityService",
      "converge.ledger.v1.LedgerService",
      "converge.ledger.v1.MembershipService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ]);
    expect(answers[0]?.validHost).toBe("h");
    const files = rest.map((answer) =>
      answer.case === "fileDescriptorResponse"
        ? answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
        : [],
    );
    expect(files.slice(0, 4).map(([first]) => first?.name)).toEqual([
      "converge/context/v1/context.proto",
      "converge/context/v1/context.proto",
      "converge/ledger/v1/ledger.proto",
      "converge/context/v1/context.proto",
    ]);
    for (const closure of files) {
      const names = new Set(closure.map(({ name }) => name));
      expect(closure.flatMap(({ dependency }) => dependency).filter((name) => !names.has(name))).toEqual([]);
    }
    expect(rest.slice(4).map((answer) => answer.case === "errorResponse" && answer.value.errorCode)).toEqual([
      5,
      5,
      false,
      5,
      3,
    ]);
  });
});
