import { describe, expect, test } from "bun:test";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { LedgerError } from "../../src/core/errors.ts";
import type { Hash } from "../../src/core/hasher.ts";
import {
  ContextService,
  type InclusionProof,
  type WatchEvent,
} from "../../src/gen/converge/context/v1/context_pb.ts";
import { LedgerService } from "../../src/gen/converge/ledger/v1/ledger_pb.ts";
import { Rfc6962Tree } from "../core/merkle/naive-tree.ts";
import { callHttp, type Listening, startListeners } from "../support/ledger-listeners.ts";
import { appendMany, get } from "../support/ledger-world.ts";

const transports = {
  gRPC: (server: Listening) => createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.grpcPort}` }),
  "Connect in JSON": (server: Listening) =>
    createConnectTransport({ baseUrl: `http://127.0.0.1:${server.httpPort}`, httpVersion: "1.1" }),
};

/** Returns the tree of a context by the letter of RFC 6962. */
async function treeOf(server: Listening, contextId: string): Promise<Rfc6962Tree> {
  const { entries } = await get(server.ledger, contextId);
  return new Rfc6962Tree(entries.map(({ contentHash }) => Uint8Array.from(contentHash)));
}

/** Returns what the proof of an entry at its acknowledgement must be. */
function proofAt(tree: Rfc6962Tree, sequence: number) {
  return {
    leafIndex: BigInt(sequence - 1),
    treeSize: BigInt(sequence),
    root: tree.root(sequence),
    hashes: tree.inclusion(sequence - 1, sequence).map(({ hash }) => hash),
  };
}

function fieldsOf(proof: InclusionProof | undefined): object | undefined {
  if (proof === undefined) return undefined;
  const { leafIndex, treeSize, root, hashes } = proof;
  return {
    leafIndex,
    treeSize,
    root: Uint8Array.from(root),
    hashes: hashes.map((hash) => Uint8Array.from(hash)),
  };
}

describe.each(Object.entries(transports))("over %s", (_, transportTo) => {
  test("Append answers the proof of the entry in the tree that ends with it, and none if not asked", async () => {
    await using server = await startListeners();
    const client = createClient(ContextService, transportTo(server));
    const proofs = [];
    for (let i = 0; i < 20; i += 1)
      proofs.push((await client.append({ contextId: "c", key: "k", proof: i !== 7 })).proof);
    const tree = await treeOf(server, "c");
    expect(proofs.map(fieldsOf)).toEqual(
      Array.from({ length: 20 }, (_, i) => (i === 7 ? undefined : proofAt(tree, i + 1))),
    );
  });

  test("a retry is answered with the same proof, however large the context has become", async () => {
    await using server = await startListeners();
    const client = createClient(ContextService, transportTo(server));
    await appendMany(server.ledger, "c", 300);
    const request = { contextId: "c", key: "k", idempotencyKey: "i", proof: true };
    const first = await client.append(request);
    await appendMany(server.ledger, "c", 300);
    const second = await client.append(request);
    expect([second.duplicate, fieldsOf(second.proof)]).toEqual([true, fieldsOf(first.proof)]);
    expect(fieldsOf(second.proof)).toEqual(proofAt(await treeOf(server, "c"), 301));
  });

  test("AppendBatch answers a proof in every receipt, in any order of new, stored and repeated entries", async () => {
    await using server = await startListeners();
    const client = createClient(LedgerService, transportTo(server));
    const entryOf = (idempotencyKey: string) => ({ key: "k", idempotencyKey });
    await client.appendBatch({ contextId: "c", entries: ["a", "b", "c"].map(entryOf) });
    const entries = ["c", "new", "a", "new", "", "b"].map(entryOf);
    const { receipts } = await client.appendBatch({ contextId: "c", entries, proof: true });
    expect(receipts.map(({ sequence }) => Number(sequence))).toEqual([3, 4, 1, 4, 5, 2]);
    const tree = await treeOf(server, "c");
    expect(receipts.map(({ proof }) => fieldsOf(proof))).toEqual(
      receipts.map(({ sequence }) => proofAt(tree, Number(sequence))),
    );
    const unasked = await client.appendBatch({ contextId: "c", entries });
    expect(unasked.receipts.map(({ proof }) => proof)).toEqual(entries.map(() => undefined));
  });

  test("a proof that cannot be made fails the call, and the entry is there", async () => {
    await using server = await startListeners();
    server.ledger.prove = () =>
      Promise.reject(new LedgerError("UNAVAILABLE", "not now", { reason: "TEST", retryAfterMs: 1 }));
    const client = createClient(ContextService, transportTo(server));
    const failure = await client.append({ contextId: "c", key: "k", proof: true }).catch(String);
    expect(failure).toContain("not now");
    expect((await client.append({ contextId: "c", key: "k" })).entry?.sequence).toBe(2n);
  });

  test("a watch with proofs begins with a frontier and gives each entry its root", async () => {
    await using server = await startListeners();
    await appendMany(server.ledger, "c", 11);
    const events = await watched(server, transportTo, { contextId: "c", fromSequence: 5n, proofs: true }, 7);
    const tree = await treeOf(server, "c");
    expect(events.map(eventFields)).toEqual([
      { frontier: 5, subtrees: [tree.mth(0, 4), tree.mth(4, 5)] },
      ...[6, 7, 8, 9, 10, 11].map((sequence) => ({ sequence, root: tree.root(sequence) })),
    ]);
  });

  test("a watch of a key with proofs gives the hashes of what it leaves out", async () => {
    await using server = await startListeners();
    await appendMany(server.ledger, "c", 2, "a");
    await appendMany(server.ledger, "c", 5000, "b");
    await appendMany(server.ledger, "c", 1, "a");
    const request = { contextId: "c", key: "a", proofs: true };
    const events = (
      await watched(server, transportTo, request, (event) => event.entry?.sequence === 5003n)
    ).map(eventFields);
    const tree = await treeOf(server, "c");
    expect(events[0]).toEqual({ frontier: 0, subtrees: [] });
    expect(events.filter((event) => "sequence" in event)).toEqual(
      [1, 2, 5003].map((sequence) => ({ sequence, root: tree.root(sequence) })),
    );
    const skipped = events.flatMap((event) => ("through" in event ? [event] : []));
    expect(skipped.every(({ hashes }) => hashes.length > 0 && hashes.length <= 4096 * 32)).toBe(true);
    for (const { through, root } of skipped) expect(root).toEqual(tree.root(through));
    const leaves = (await get(server.ledger, "c")).entries.map(({ contentHash }) => contentHash);
    expect(Buffer.concat(skipped.map(({ hashes }) => hashes))).toEqual(Buffer.concat(leaves.slice(2, 5002)));
  });

  test("a watch with proofs gets other control events only if it asks for them", async () => {
    await using server = await startListeners();
    await appendMany(server.ledger, "c", 1);
    const casesOf = async (request: { controlEvents?: boolean }, count: number) =>
      (await watched(server, transportTo, { contextId: "c", proofs: true, ...request }, count)).map(
        ({ control }) => control.case,
      );
    expect(await casesOf({ controlEvents: true }, 3)).toEqual(["frontier", undefined, "caughtUp"]);
    const live = casesOf({}, 3);
    while (server.ledger.watchCounts().watchers === 0 || server.ledger.watchCounts().lagging > 0)
      await new Promise((resolve) => setImmediate(resolve));
    await appendMany(server.ledger, "c", 1);
    expect(await live).toEqual(["frontier", undefined, undefined]);
  });
});

type TransportTo = (typeof transports)["gRPC"];

/** Watches until there are so many events, or one that is wanted. */
async function watched(
  server: Listening,
  transportTo: TransportTo,
  request: Parameters<ReturnType<typeof watcherOf>["watch"]>[0],
  enough: number | ((event: WatchEvent) => boolean),
): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  for await (const event of watcherOf(server, transportTo).watch(request)) {
    events.push(event);
    if (typeof enough === "number" ? events.length >= enough : enough(event)) break;
  }
  return events;
}

function watcherOf(server: Listening, transportTo: TransportTo) {
  return createClient(ContextService, transportTo(server));
}

type EventFields =
  | { readonly sequence: number; readonly root: Hash }
  | { readonly frontier: number; readonly subtrees: readonly Hash[] }
  | { readonly hashes: Hash; readonly through: number; readonly root: Hash }
  | { readonly other: string | undefined };

function eventFields({ entry, control, root }: WatchEvent): EventFields {
  if (entry !== undefined) return { sequence: Number(entry.sequence), root: Uint8Array.from(root) };
  if (control.case === "frontier") {
    const { size, subtrees } = control.value;
    return { frontier: Number(size), subtrees: subtrees.map((hash) => Uint8Array.from(hash)) };
  }
  if (control.case !== "skipped") return { other: control.case };
  const { contentHashes, through } = control.value;
  return { hashes: contentHashes, through: Number(through), root: Uint8Array.from(control.value.root) };
}

describe("AppendStream", () => {
  test("answers proofs to those requests that ask for them", async () => {
    await using server = await startListeners();
    const client = createClient(LedgerService, transports.gRPC(server));
    const requests = Array.from({ length: 30 }, (_, i) => ({
      contextId: `c${i % 3}`,
      entries: [{ key: "k" }, { key: "k" }],
      proof: i % 2 === 0,
    }));
    const answers = await Array.fromAsync(
      client.appendStream(
        (async function* () {
          yield* requests;
        })(),
      ),
    );
    const trees = new Map<string, Rfc6962Tree>();
    for (const id of ["c0", "c1", "c2"]) trees.set(id, await treeOf(server, id));
    expect(answers).toHaveLength(30);
    for (const [i, { result }] of answers.entries()) {
      const receipts = result.case === "appended" ? result.value.receipts : [];
      const tree = trees.get(`c${i % 3}`) ?? new Rfc6962Tree([]);
      expect(receipts.map(({ proof }) => fieldsOf(proof))).toEqual(
        receipts.map(({ sequence }) => (i % 2 === 0 ? proofAt(tree, Number(sequence)) : undefined)),
      );
      expect(receipts).toHaveLength(2);
    }
  });
});

describe("a watch over server-sent events", () => {
  const watch = async (server: Listening, query: string, until: RegExp, headers = {}): Promise<string[]> => {
    const { body, status } = await callHttp(server.httpPort, {
      path: `/v1/contexts/c/watch?${query}`,
      method: "GET",
      headers,
      enough: (got) => until.test(got.toString()),
    });
    expect(status).toBe(200);
    return body.toString().split("\n\n").slice(0, -1);
  };
  const dataOf = (event = ""): unknown => JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? "");
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

  test("with proofs=true has a frontier, roots beside the entries, and hashes of what is skipped", async () => {
    await using server = await startListeners();
    await appendMany(server.ledger, "c", 2, "a");
    await appendMany(server.ledger, "c", 2, "b");
    await appendMany(server.ledger, "c", 1, "a");
    const tree = await treeOf(server, "c");
    const leaves = (await get(server.ledger, "c")).entries.map(({ contentHash }) => contentHash);
    const events = await watch(server, "proofs=true&key=a&from_sequence=1", /caught up/);
    expect(events.map((event) => /^(?:event: |: )?(.*)$/m.exec(event)?.[1])).toEqual([
      "retry: 1000",
      "frontier",
      expect.stringMatching(/^id: 2-/),
      "skipped",
      expect.stringMatching(/^id: 5-/),
      "caught up 5",
    ]);
    expect(dataOf(events[1])).toEqual({ size: "1", subtrees: [base64(tree.root(1))] });
    expect(dataOf(events[2])).toMatchObject({
      entry: { sequence: "2", contentHash: base64(leaves[1] ?? new Uint8Array(0)) },
      root: base64(tree.root(2)),
    });
    expect(dataOf(events[3])).toEqual({
      contentHashes: base64(Buffer.concat(leaves.slice(2, 4))),
      through: "4",
      root: base64(tree.root(4)),
    });
    expect(dataOf(events[4])).toMatchObject({ entry: { sequence: "5" }, root: base64(tree.root(5)) });
  });

  test("begins anew with a reset and a frontier if its cursor is above the head", async () => {
    await using server = await startListeners();
    await appendMany(server.ledger, "c", 1);
    const events = await watch(server, "proofs=true", /caught up/, { "last-event-id": "9" });
    expect(events.slice(1, 3)).toEqual(['event: reset\ndata: {"sequence":"0"}', "event: frontier\ndata: {}"]);
    expect(events[3]).toContain('"root":');
  });

  test.each(["proofs=false", "proofs=", "", "proofs=false&proofs=true"])(
    "with %p has entries only",
    async (query) => {
      await using server = await startListeners();
      await appendMany(server.ledger, "c", 1);
      const events = await watch(server, query, /caught up/);
      expect(events).toHaveLength(3);
      expect(dataOf(events[1])).toMatchObject({ sequence: "1" });
    },
  );

  test.each(["proofs=1", "proofs=TRUE", "proofs=yes", "proofs=%20true"])(
    "with %p is refused",
    async (query) => {
      await using server = await startListeners();
      const path = `/v1/contexts/c/watch?${query}`;
      const { status, body } = await callHttp(server.httpPort, { path, method: "GET" });
      expect(status).toBe(400);
      const { code, message, details } = JSON.parse(body.toString());
      expect([code, message, details[0].debug.reason]).toEqual([
        "invalid_argument",
        expect.stringMatching(/^proofs/),
        "FLAG_INVALID",
      ]);
    },
  );
});
