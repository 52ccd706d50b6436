import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "bun:test";
import type { GroupItem } from "../../src/client/group-calls.ts";
import { createLedgerClient, type LedgerClientOptions } from "../../src/client/ledger-client.ts";
import { ClusterService } from "../../src/gen/converge/ledger/v1/cluster_pb.ts";
import { DiscoveryService } from "../../src/gen/converge/ledger/v1/discovery_pb.ts";
import { fakeFetch } from "../support/fake-server.ts";

const options: LedgerClientOptions = { url: "http://ledger.test/", backoff: { firstMs: 1, maxMs: 1 } };

function joined(memberId: string) {
  return { event: { case: "joined" as const, value: { memberId, members: [] } } };
}

function message(id: string) {
  return { event: { case: "message" as const, value: { id } } };
}

test("join() is the same member across broken connections", async () => {
  const ids: string[] = [];
  const fetch = fakeFetch((router) => {
    router.service(DiscoveryService, {
      async *join({ memberId }) {
        ids.push(memberId);
        yield joined(memberId);
        yield message(`${ids.length}`);
        if (ids.length < 3) throw new ConnectError("away", Code.Unavailable);
      },
    });
  });
  const client = createLedgerClient({ ...options, fetch });
  const items: GroupItem[] = [];
  for await (const item of client.groups.join("ctx")) {
    items.push(item);
    if (items.length === 6) break;
  }
  expect(items.map((item) => (item.kind === "message" ? item.message.id : item.kind))).toEqual([
    "joined",
    "1",
    "joined",
    "2",
    "joined",
    "3",
  ]);
  expect([ids.length, new Set(ids).size]).toEqual([3, 1]);
});

test("join() gives up on what will not be better, and when it was never there", async () => {
  const codes = [Code.InvalidArgument, Code.Unavailable, Code.Unavailable];
  const fetch = fakeFetch((router) => {
    router.service(DiscoveryService, {
      // oxlint-disable-next-line require-yield
      async *join() {
        throw new ConnectError("no", codes.shift() ?? Code.Internal);
      },
    });
  });
  const client = createLedgerClient({ ...options, fetch, attemptsMax: 2 });
  for (const left of [2, 0]) {
    const error = await client.groups
      .join("ctx")
      .next()
      .catch((thrown: unknown) => thrown);
    expect([error, codes.length]).toEqual([expect.any(ConnectError), left]);
  }
});

test("broadcast() is not repeated", async () => {
  let calls = 0;
  const fetch = fakeFetch((router) => {
    router.service(DiscoveryService, {
      broadcast() {
        calls += 1;
        throw new ConnectError("away", Code.Unavailable);
      },
    });
  });
  const client = createLedgerClient({ ...options, fetch });
  await client.groups.broadcast("ctx", new Uint8Array()).catch(() => {});
  expect(calls).toBe(1);
});

test("forks() and contexts() read all pages", async () => {
  const fetch = fakeFetch((router) => {
    router.service(ClusterService, {
      listForks: ({ pageToken }) =>
        pageToken === ""
          ? { forks: [{ contextId: "1" }], nextPageToken: "x" }
          : { forks: [{ contextId: "2" }] },
      listContextStatus: ({ startAfter }) => ({
        contexts: [{ contextId: `${startAfter}a` }],
        more: startAfter.length < 2,
      }),
    });
  });
  const { cluster } = createLedgerClient({ ...options, fetch });
  const forks = await Array.fromAsync(cluster.forks());
  const contexts = await Array.fromAsync(cluster.contexts());
  expect([...forks, ...contexts].map(({ contextId }) => contextId)).toEqual(["1", "2", "a", "aa", "aaa"]);
});
