/**
 * Everything that proves, over a ledger that does: as static files and as calls.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { IntegrityService } from "../../src/gen/converge/ledger/v1/integrity_pb.ts";
import { Rfc6962Tree, sha256 } from "../core/merkle/naive-tree.ts";
import { callHttp, type Listening, type Reply, startListeners } from "../support/ledger-listeners.ts";
import { appendMany, get } from "../support/ledger-world.ts";

const contextId = "audit/2026 é";
const base = "/tlog/contexts/audit%2F2026%20%C3%A9";

function read(server: Listening, path: string, method = "GET"): Promise<Reply> {
  return callHttp(server.httpPort, { path, method });
}

async function leavesOf(server: Listening): Promise<Uint8Array[]> {
  const { entries } = await get(server.ledger, contextId);
  return entries.map(({ contentHash }) => contentHash);
}

/** Returns the records of an entry bundle. */
function recordsOf(bundle: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < bundle.length;) {
    const end = at + 2 + bundle.readUInt16BE(at);
    records.push(bundle.subarray(at + 2, end));
    at = end;
  }
  return records;
}

describe("a log as static files", () => {
  test("has a checkpoint, and under it all tiles and records, which give its root", async () => {
    await using server = await startListeners();
    await appendMany(server.ledger, contextId, 300);
    const leaves = await leavesOf(server);
    const tree = new Rfc6962Tree(leaves);

    const [origin, size, root, ...rest] = (await read(server, `${base}/checkpoint`)).body
      .toString()
      .split("\n");
    expect([origin, size, root]).toEqual([
      expect.stringMatching(/\/audit%2F2026%20%C3%A9$/),
      "300",
      Buffer.from(tree.root(300)).toString("base64"),
    ]);
    expect(rest).toEqual(["", expect.stringMatching(/^— \S+ \S+$/), ""]);
    const keys = (await read(server, `${base}/vkey`)).body.toString();
    expect(keys).toMatch(/^(?:\S+\+[0-9a-f]+\+\S+\n)+$/);
    expect(keys).toStartWith(`${origin}+`);

    const bodyOf = async (name: string): Promise<Buffer> => {
      const { status, body } = await read(server, `${base}/tile/${name}`);
      expect(status).toBe(200);
      return body;
    };
    expect(await bodyOf("0/000")).toEqual(Buffer.concat(leaves.slice(0, 256)));
    expect(await bodyOf("0/001.p/44")).toEqual(Buffer.concat(leaves.slice(256)));
    expect(await bodyOf("0/000.p/3")).toEqual(Buffer.concat(leaves.slice(0, 3)));
    expect(await bodyOf("1/000.p/1")).toEqual(Buffer.from(tree.mth(0, 256)));
    const records = [
      ...recordsOf(await bodyOf("entries/000")),
      ...recordsOf(await bodyOf("entries/001.p/44")),
    ];
    expect(records.map((record) => sha256(new Uint8Array([0]), record))).toEqual(
      leaves.map((leaf) => Uint8Array.from(leaf)),
    );
  });

  test("has nothing beyond the size that was signed last", async () => {
    await using server = await startListeners();
    await appendMany(server.ledger, contextId, 3);
    const statusOf = async (name: string): Promise<number> => (await read(server, `${base}/${name}`)).status;
    expect(await statusOf("tile/0/000.p/1")).toBe(404);
    expect(await statusOf("checkpoint")).toBe(200);
    expect(await statusOf("tile/0/000.p/3")).toBe(200);
    await appendMany(server.ledger, contextId, 300);
    for (const name of ["tile/0/000", "tile/0/000.p/4", "tile/entries/000.p/4", "tile/1/000.p/1"])
      expect([name, await statusOf(name)]).toEqual([name, 404]);
    expect(await statusOf("checkpoint")).toBe(200);
    for (const name of ["tile/0/000", "tile/0/001.p/47", "tile/entries/001.p/47", "tile/1/000.p/1"])
      expect([name, await statusOf(name)]).toEqual([name, 200]);
    for (const name of ["tile/0/001", "tile/0/001.p/48", "tile/1/000.p/2", "tile/63/000.p/1"])
      expect([name, await statusOf(name)]).toEqual([name, 404]);
  });

  test("of a context without entries does not exist, and that of the node is there from the start", async () => {
    await using server = await startListeners();
    const { status, body } = await read(server, "/tlog/contexts/nowhere/checkpoint");
    expect([status, JSON.parse(body.toString()).details[0].debug.reason]).toEqual([404, "CONTEXT_NOT_FOUND"]);
    const node = await read(server, "/tlog/node/checkpoint");
    expect([node.status, node.body.toString().split("\n")[1]]).toEqual([200, "0"]);
  });

  test("HEAD has the headers of GET, its length included, and no body", async () => {
    await using server = await startListeners();
    await appendMany(server.ledger, contextId, 3);
    for (const name of ["checkpoint", "vkey", "tile/0/000.p/3", "tile/entries/000.p/3"]) {
      const full = await read(server, `${base}/${name}`);
      const head = await read(server, `${base}/${name}`, "HEAD");
      expect([head.status, head.body.length, head.headers]).toEqual([200, 0, full.headers]);
    }
  });
});

const transports = {
  gRPC: ({ grpcPort }: Listening) => createGrpcTransport({ baseUrl: `http://127.0.0.1:${grpcPort}` }),
  "gRPC-Web": ({ httpPort }: Listening) =>
    createGrpcWebTransport({ baseUrl: `http://127.0.0.1:${httpPort}`, httpVersion: "1.1" }),
  Connect: ({ httpPort }: Listening) =>
    createConnectTransport({ baseUrl: `http://127.0.0.1:${httpPort}`, httpVersion: "1.1" }),
};

describe.each(Object.entries(transports))("IntegrityService over %s", (_, transportTo) => {
  test("proves what the context has", async () => {
    await using server = await startListeners();
    await appendMany(server.ledger, contextId, 20);
    const client = createClient(IntegrityService, transportTo(server));
    const tree = new Rfc6962Tree(await leavesOf(server));
    expect((await client.getTreeHead({ contextId, treeSize: 13n })).root).toEqual(tree.root(13));
    const { proof, leafHash } = await client.proveInclusion({ contextId, sequence: 3n, treeSize: 11n });
    expect(proof?.hashes).toEqual(tree.inclusion(2, 11).map(({ hash }) => hash));
    expect(leafHash).toEqual(tree.mth(2, 3));
    const { hashes } = await client.proveConsistency({ contextId, firstSize: 7n });
    expect(hashes).toEqual(tree.consistency(7, 20));
    const { record, checkpoint } = await client.proveInclusion({ contextId, sequence: 3n, checkpoint: true });
    expect(sha256(new Uint8Array([0]), record)).toEqual(tree.mth(2, 3));
    expect(checkpoint).toContain(`\n20\n${Buffer.from(tree.root(20)).toString("base64")}\n`);
    const steps = await Array.fromAsync(client.verifyContext({ contextId }));
    expect(steps.at(-1)?.step).toMatchObject({
      case: "result",
      value: { treeSize: 20n, root: tree.root(20), damaged: 0n },
    });
    expect(new Set(server.calls.map(([operation, , code]) => `${operation} ${code}`))).toEqual(
      new Set(
        ["GetTreeHead", "ProveInclusion", "ProveConsistency", "VerifyContext"].map((name) => `${name} OK`),
      ),
    );
  });
});
