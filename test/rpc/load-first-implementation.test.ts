import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "bun:test";
import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { ContextService } from "../../src/gen/converge/context/v1/context_pb.ts";
import { LedgerService } from "../../src/gen/converge/ledger/v1/ledger_pb.ts";
import { hex } from "../../src/core/hex.ts";
import { startListeners } from "../support/ledger-listeners.ts";
import ten from "../vectors/first-implementation/snapshots/ten_metadata.json";

const folder = join(import.meta.dir, "../vectors/first-implementation/snapshots");
const version2 = readFileSync(join(folder, "ten_metadata.bin"));
const version1 = readFileSync(join(folder, "corrupt/v1_snapshot.bin"));
const wrongRoot = readFileSync(join(folder, "corrupt/wrong_root.bin"));

const server = await startListeners();
afterAll(() => server[Symbol.asyncDispose]());

const transports = {
  gRPC: createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.grpcPort}` }),
  Connect: createConnectTransport({ baseUrl: `http://127.0.0.1:${server.httpPort}`, httpVersion: "1.1" }),
};

interface Options {
  readonly contextId: string;
  readonly allowUnverified?: boolean;
}

type Load = (snapshot: Uint8Array, options: Options) => Promise<object>;

const calls = Object.entries(transports).flatMap(([protocol, transport]): [string, Load][] => {
  const contexts = createClient(ContextService, transport);
  const ledger = createClient(LedgerService, transport);
  return [
    [`Load over ${protocol}`, (snapshot, options) => contexts.load({ ...options, snapshot })],
    [
      `LoadStream over ${protocol}`,
      (snapshot, options) =>
        ledger.loadStream(
          (async function* () {
            yield { options };
            for (let at = 0; at < snapshot.length; at += 100)
              yield { chunk: snapshot.subarray(at, at + 100) };
          })(),
        ),
    ],
  ];
});

async function refusalOf(load: Promise<object>): Promise<string> {
  const error = await load.then(
    () => new ConnectError("accepted", Code.Unknown),
    (cause: unknown) => ConnectError.from(cause),
  );
  return `${Code[error.code]} ${error.findDetails(ErrorInfoSchema)[0]?.reason}`;
}

describe.each(calls)("%s", (name, load) => {
  const contextId = (what: string): string => `${what} ${name}`;

  test("restores version 2, verified, under another id and under its own", async () => {
    const answer = { entriesRestored: 10n, entriesAdded: 10n, latestSequence: 10n, unverified: false };
    expect(await load(version2, { contextId: contextId("copy") })).toMatchObject(answer);
    expect(await load(version2, { contextId: "ten-ctx" })).toMatchObject({ latestSequence: 10n });
    const client = createClient(ContextService, transports.Connect);
    const { metadata } = await client.snapshot({ contextId: "ten-ctx" });
    expect(hex(metadata?.seedRoot ?? new Uint8Array(0))).toBe(ten.merkle_root);
  });

  test("restores version 1 only if it may be unverified, and says that it is", async () => {
    const old = contextId("old");
    expect(await refusalOf(load(version1, { contextId: old }))).toBe("InvalidArgument SNAPSHOT_UNVERIFIED");
    expect(await load(version1, { contextId: old, allowUnverified: true })).toMatchObject({
      entriesAdded: 10n,
      unverified: true,
    });
  });

  test("refuses a wrong root, and nothing becomes visible", async () => {
    const wrong = contextId("wrong");
    const refused = await refusalOf(load(wrongRoot, { contextId: wrong, allowUnverified: true }));
    expect(refused).toBe("InvalidArgument SNAPSHOT_ROOT_MISMATCH");
    const client = createClient(ContextService, transports.Connect);
    expect((await client.get({ contextId: wrong })).latestSequence).toBe(0n);
  });
});
