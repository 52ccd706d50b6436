/** A full disk at the level of the executable: appends are refused, all else goes on, and appends come back by themselves. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { canMount, mountTmpfs } from "../store/tmpfs.ts";
import { clientKinds } from "../support/client-kinds.ts";
import { eventSource } from "../support/event-source.ts";
import { fetchClient } from "../support/fetch-client.ts";
import { answerOf, errorOf, type InteropClient, type Json } from "../support/interop-client.ts";
import { Journal } from "../support/journal.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { patienceMs, until, within } from "../support/until.ts";

setDefaultTimeout(4 * patienceMs);

const service = "converge.context.v1.ContextService";
const contextId = "c";
const payload = btoa("x".repeat(30_000));
const append = { contextId, key: "k", payload };

test.skipIf(!canMount)(
  "a full disk refuses appends and nothing else, until there is space; nothing is lost (needs the right to mount)",
  async () => {
    using tmpfs = mountTmpfs(8 * 1024);
    const ballast = join(tmpfs?.path ?? "", "ballast");
    writeFileSync(ballast, new Uint8Array(4 * 1024 * 1024));
    const data = join(tmpfs?.path ?? "", "ledger");
    const journal = new Journal();
    {
      await using server = await startServerProcess({ data });
      const client = fetchClient(server.url);
      const seen: number[] = [];
      const watching = watch(server, seen);

      const acknowledged = await appendUntilFull(client);
      expect(acknowledged).toBeGreaterThan(20);
      await journal.append(client, {
        contextId: "other",
        payload: "does not fit, or does",
        idempotencyKey: "",
      });

      await everyClientIsToldSo(server);
      const get = await answerOf(client, `${service}/Get`, { contextId });
      expect([get["latestSequence"], (get["entries"] as Json[]).length]).toEqual([
        String(acknowledged),
        acknowledged,
      ]);
      await until("the watcher has seen all that was acknowledged", () => seen.length === acknowledged);
      const late: number[] = [];
      const watchingLate = watch(server, late);
      await until("a watch that begins now as well", () => late.length === acknowledged);
      const snapshot = await answerOf(client, `${service}/Snapshot`, { contextId });
      expect(snapshot["sequence"]).toBe(String(acknowledged));
      expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
      expect(await isReadOnly(client)).toBe(true);

      rmSync(ballast);
      await until(
        "appends come back by themselves",
        async () => (await client.call(`${service}/Append`, append)).error === undefined,
      );
      await until(
        "the watchers see it",
        () => seen.length === acknowledged + 1 && late.length === acknowledged + 1,
      );
      expect(await answerOf(client, `${service}/Append`, append)).toMatchObject({
        entry: { sequence: String(acknowledged + 2) },
      });
      expect(await isReadOnly(client)).toBe(false);
      server.signal("SIGTERM");
      expect(await within("the end", server.exited)).toBe(0);
      await Promise.all([watching, watchingLate]);
      expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i + 1));
    }
    await using again = await startServerProcess({ data });
    const { entries } = (await answerOf(fetchClient(again.url), `${service}/Get`, { contextId })) as {
      entries: Json[];
    };
    expect(entries.map(({ sequence }) => Number(sequence))).toEqual(
      Array.from({ length: entries.length }, (_, i) => i + 1),
    );
    expect(entries.every((entry) => entry["payload"] === payload)).toBe(true);
    await journal.verify(fetchClient(again.url));
  },
);

/** Appends until the disk is full; returns how many were acknowledged. */
async function appendUntilFull(client: InteropClient): Promise<number> {
  for (let acknowledged = 0; ; acknowledged += 1) {
    const { error } = await client.call(`${service}/Append`, append);
    if (error !== undefined) return acknowledged;
  }
}

async function everyClientIsToldSo(server: ServerProcess): Promise<void> {
  for (const kind of clientKinds.filter(({ lacks }) => lacks === undefined)) {
    await using client = await kind.open(server);
    const error = await errorOf(client, `${service}/Append`, append);
    expect([kind.name, error.code, error.message]).toEqual([
      kind.name,
      "RESOURCE_EXHAUSTED",
      expect.stringContaining("disk is full"),
    ]);
    expect(error.details.map(({ value }) => atob(value)).join()).toContain("DISK_FULL");
  }
}

/** Watches until the server ends the stream. */
async function watch(server: ServerProcess, seen: number[]): Promise<void> {
  const events = eventSource(`${server.url}/v1/contexts/${contextId}/watch`);
  const ended = server.exited.then(() => undefined);
  for (;;) {
    const next = await Promise.race([events.next(), ended]);
    if (next === undefined) return;
    seen.push(Number((JSON.parse((next.value as { data: string }).data) as Json)["sequence"]));
  }
}

/** Whether the node tells others that it takes no appends. */
async function isReadOnly(client: InteropClient): Promise<boolean> {
  const { members } = await answerOf(client, "converge.ledger.v1.MembershipService/Members", {});
  return (members as Json[])[0]?.["readOnly"] === true;
}
