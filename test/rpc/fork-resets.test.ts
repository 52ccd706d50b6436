import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "bun:test";
import { ContextService, type WatchEvent } from "../../src/gen/converge/context/v1/context_pb.ts";
import { nextTurn } from "../support/ledger-clock.ts";
import { callHttp, type Listening, startListeners } from "../support/ledger-listeners.ts";
import { ledgerWorld } from "../support/ledger-world.ts";
import { branch, second, SharedCopy } from "../support/shared-copy.ts";

const transports = [
  ["gRPC", ({ grpcPort }: Listening) => createGrpcTransport({ baseUrl: `http://127.0.0.1:${grpcPort}` })],
  [
    "Connect",
    ({ httpPort }: Listening) =>
      createConnectTransport({ baseUrl: `http://127.0.0.1:${httpPort}`, httpVersion: "1.1" }),
  ],
] as const;

/** A context of four entries, and what takes the place of the last two. */
async function forked(server: Listening) {
  const copy = await SharedCopy.of(server);
  await copy.append(["1", "2", "3", "4"]);
  const other = await branch(ledgerWorld(), (await copy.rows()).slice(0, 2), ["3b", "4b", "5b"]);
  const rows = await other.rows(2);
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    await copy.truncate(2);
    await copy.extend(rows, { epoch: second });
  };
  return { copy, settle };
}

function told({ entry, control }: WatchEvent): string {
  if (entry !== undefined) return String(entry.sequence);
  if (control.case === "reset") return `reset ${control.value.sequence}`;
  return control.case ?? "nothing";
}

describe("a watch of a history that is replaced meanwhile", () => {
  test.each(transports)("is reset once over %s, if its client takes control events", async (_name, to) => {
    await using server = await startListeners();
    const { settle } = await forked(server);
    const client = createClient(ContextService, to(server));
    const events: string[] = [];
    for await (const event of client.watch({ contextId: "c", controlEvents: true })) {
      events.push(told(event));
      if (events.at(-1) === "caughtUp") void settle();
      if (events.at(-1) === "5") break;
    }
    expect(events.filter((event) => event !== "caughtUp")).toEqual([
      ...["1", "2", "3", "4"],
      ...["reset 2", "3", "4", "5"],
    ]);
  });

  test.each(transports)("ends over %s with where to go on otherwise", async (_name, to) => {
    await using server = await startListeners();
    const { settle } = await forked(server);
    const client = createClient(ContextService, to(server));
    const events: string[] = [];
    let failure: ConnectError | undefined;
    try {
      for await (const event of client.watch({ contextId: "c" })) {
        events.push(told(event));
        if (events.at(-1) === "4") void settle();
      }
    } catch (error) {
      failure = ConnectError.from(error);
    }
    expect(events).toEqual(["1", "2", "3", "4"]);
    expect(failure?.code).toBe(Code.Aborted);
    expect(failure?.rawMessage).toContain("after sequence 2 have lost their place");
  });

  test("is reset once over server-sent events, and so is one that comes back with an id", async () => {
    await using server = await startListeners();
    const { settle } = await forked(server);
    const watch = (headers: Record<string, string>, until: RegExp, onEnough: () => void) =>
      callHttp(server.httpPort, {
        ...{ path: "/v1/contexts/c/watch", method: "GET", headers },
        enough(body: Buffer) {
          if (/: caught up/.test(body.toString())) onEnough();
          return until.test(body.toString());
        },
      });
    let isSettling = false;
    const live = await watch({}, /^id: 5-/m, () => {
      if (!isSettling) void settle();
      isSettling = true;
    });
    const events = [...live.body.toString().matchAll(/^(id: \d+|event: reset\ndata: .*)/gm)].map(
      ([text]) => text,
    );
    const reset = 'event: reset\ndata: {"sequence":"2"}';
    expect(events).toEqual([...["id: 1", "id: 2", "id: 3", "id: 4"], ...[reset, "id: 3", "id: 4", "id: 5"]]);
    const [, lostId = ""] = /^id: (4-[0-9a-f]{16})$/m.exec(live.body.toString()) ?? [];
    const again = await watch({ "last-event-id": lostId }, /^id: 5-/m, () => {});
    const later = [...again.body.toString().matchAll(/^(id: \d+|event: reset\ndata: .*)/gm)].map(
      ([text]) => text,
    );
    expect(later).toEqual([reset, "id: 3", "id: 4", "id: 5"]);
  });
});

describe("tiles of a generation that has ended", () => {
  test("are gone, and those of the next are at its path", async () => {
    await using server = await startListeners();
    const { settle } = await forked(server);
    const get = async (path: string): Promise<number> =>
      (await callHttp(server.httpPort, { path: `/tlog/contexts/${path}`, method: "GET" })).status;
    expect([await get("c/checkpoint"), await get("c/tile/0/000.p/4")]).toEqual([200, 200]);
    await settle();
    expect([await get("c/checkpoint"), await get("c/tile/0/000.p/4"), await get("c/vkey")]).toEqual([
      410, 410, 410,
    ]);
    expect([await get("c@2/checkpoint"), await get("c@2/tile/0/000.p/5")]).toEqual([200, 200]);
    expect([await get("c@3/checkpoint"), await get("c@3/vkey")]).toEqual([404, 404]);
  });
});
