/** Health in every form, and reflection in both versions. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { buf } from "../../scripts/steps/buf.ts";
import { capture } from "../../scripts/steps/run.ts";
import { bufCurlClient } from "../support/buf-curl-client.ts";
import { clientKinds, grpcio, grpcJs } from "../support/client-kinds.ts";
import { answerOf, answersOf, errorOf, type Json } from "../support/interop-client.ts";
import { openClients, type OpenClients } from "../support/open-clients.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { testEachClient } from "../support/test-each-client.ts";
import { patienceMs } from "../support/until.ts";

setDefaultTimeout(2 * patienceMs);

const services = [
  "converge.context.v1.ContextService",
  "converge.ledger.v1.LedgerService",
  "converge.ledger.v1.IntegrityService",
  "converge.ledger.v1.MembershipService",
  "converge.ledger.v1.ClusterService",
  "converge.ledger.v1.DiscoveryService",
];
const check = "grpc.health.v1.Health/Check";

let server: ServerProcess;
let clients: OpenClients;

beforeAll(async () => {
  server = await startServerProcess();
  clients = await openClients(server);
});

afterAll(async () => {
  await clients[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

describe("grpc.health.v1", () => {
  testEachClient(clientKinds, "is told to %s for the server, its services and unknown ones", async (kind) => {
    for (const service of ["", ...services])
      expect(await answerOf(clients.of(kind), check, { service })).toEqual({ status: "SERVING" });
    expect(await errorOf(clients.of(kind), check, { service: "nobody.v1.None" })).toMatchObject({
      code: "NOT_FOUND",
    });
  });

  testEachClient(
    clientKinds.filter(({ streams }) => streams),
    "is watched by %s",
    async (kind) => {
      const answers = await answersOf(clients.of(kind), "grpc.health.v1.Health/Watch", {}, { answersMax: 1 });
      expect(answers).toEqual([{ status: "SERVING" }]);
    },
  );
});

test("/healthz, /readyz and /readyz?verbose tell the process, its parts, and the tree", async () => {
  const read = async (path: string): Promise<readonly unknown[]> => {
    const answer = await fetch(`${server.url}${path}`);
    return [answer.status, await answer.text()];
  };
  expect(await read("/healthz")).toEqual([200, "ok\n"]);
  expect(await read("/readyz")).toEqual([
    200,
    "[+]storage ok\n[+]watch ok\n[+]log ok\n[+]scrub ok\n[+]grpc ok\n[+]http ok\n[+]appends ok\n[+]integrity ok\n",
  ]);
  const verbose = (await (await fetch(`${server.url}/readyz?verbose`)).json()) as Json;
  expect(verbose).toMatchObject({ ready: true, tree: { name: "ledger", status: "running" } });
});

describe.each(["v1", "v1alpha"])("reflection %s", (version) => {
  const info = `grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;

  testEachClient(
    [grpcJs, grpcio],
    "lists the services and gives the files of a symbol to %s",
    async (kind) => {
      const requests = [
        { listServices: "" },
        { fileContainingSymbol: "converge.ledger.v1.LedgerService.AppendBatch" },
        { fileContainingSymbol: "no.such.Thing" },
      ];
      const [list = {}, file = {}, none = {}] = await answersOf(clients.of(kind), info, requests);
      const { service } = list["listServicesResponse"] as { service: { name: string }[] };
      expect(service.map(({ name }) => name)).toEqual(
        expect.arrayContaining([...services, "grpc.health.v1.Health"]),
      );
      const { fileDescriptorProto } = file["fileDescriptorResponse"] as { fileDescriptorProto: string[] };
      const files = fileDescriptorProto.map((bytes) =>
        fromBinary(FileDescriptorProtoSchema, base64Decode(bytes)),
      );
      expect(files.map(({ name }) => name)).toEqual(
        expect.arrayContaining(["converge/ledger/v1/ledger.proto", "converge/context/v1/context.proto"]),
      );
      expect(none["errorResponse"]).toMatchObject({ errorCode: 5 });
    },
  );

  test.each([
    ["grpc", "grpc"],
    ["connect", "grpc"],
    ["connect", "http"],
    ["grpcweb", "http"],
  ] as const)(
    "lets buf curl call over %s on the %s listener without a schema",
    async (protocol, listener) => {
      const url = listener === "grpc" ? `http://${server.grpc}` : server.url;
      const flags = ["--reflect-protocol", `grpc-${version}`, "--http2-prior-knowledge"];
      await using client = bufCurlClient({ protocol, url, flags, reflection: true });
      expect(await answerOf(client, "converge.ledger.v1.LedgerService/ListContexts", {})).toEqual({});
    },
  );
});

test("buf curl lists every method", async () => {
  const { out } = await capture([
    buf(),
    "curl",
    "--http2-prior-knowledge",
    "--protocol",
    "grpc",
    "--list-methods",
    `http://${server.grpc}`,
  ]);
  expect(out.trim().split("\n")).toEqual(
    expect.arrayContaining([
      `${services[0]}/Append`,
      `${services[0]}/Watch`,
      `${services[1]}/AppendStream`,
      check,
    ]),
  );
});
