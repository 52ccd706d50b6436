/**
 * Appends to three contexts at a time, as fast as it can, and prints their common length after each
 * acknowledgement, until it is killed. Between, it stages rows that it never publishes. Each commit signs what it
 * appends, says that the log of logs has it, and has a member on the roster and a replica of the first context that are
 * told by the length. Every second one archives the newest half of the first context, and writes it anew; the next one
 * settles that archive. The last context is dropped and created again with what it had, now and then.
 */
import type { Drop, NewSubtree, Truncation } from "../../src/ledger/ports.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { sampleReplica, sampleTruncation } from "./sample-replicas.ts";
import { sampleHead, sampleMember, sampleRows, workerUrl } from "./sample-rows.ts";

const store = await openSqliteStore({ directory: process.argv[2] ?? "", workerUrl });
const contextIds = ["a", "b", "c"];
const heads = await Promise.all(contextIds.map((contextId) => store.head(contextId)));
const logs = heads.map((head) => head?.log ?? store.newLog());
let latest = heads[0]?.latest ?? 0;
let archives = (await store.archives(undefined, 9)).map(({ log }) => log);
let stage = { log: store.newLog(), latest: 0 };

for (let round = 1; ; round += 1) {
  const added = 1 + ((round * 37) % 100);
  const drops: Drop[] = [];
  const truncations: Truncation[] = [];
  const left = contextIds.map(() => latest);
  if (latest > 1 && round % 2 === 0) {
    left[0] = round % 4 === 0 ? 0 : Math.floor(latest / 2);
    truncations.push(sampleTruncation("a", sampleHead(logs[0] ?? 0, latest), left[0], store.newLog()));
  }
  if (latest > 0 && round % 5 === 0) {
    left[2] = 0;
    drops.push({ contextId: "c", from: sampleHead(logs[2] ?? 0, latest) });
    logs[2] = store.newLog();
  }
  const rows = logs.flatMap((log, i) =>
    sampleRows(log, (left[i] ?? 0) + 1, latest + added, { wireBytes: 200 }),
  );
  const changes = contextIds.map((contextId, i) => {
    const log = logs[i] ?? 0;
    const from = left[i] === 0 ? undefined : sampleHead(log, left[i] ?? 0);
    return { contextId, from, to: sampleHead(log, latest + added) };
  });
  const staged = sampleRows(stage.log, stage.latest + 1, stage.latest + 20);
  const size = latest + added;
  const outcome = await store.commit({
    rows: [...rows, ...staged],
    heads: changes,
    subtrees: subtreesOf([...logs, stage.log], (log) => (log === stage.log ? stage.latest + 20 : size)),
    signed: contextIds.map((contextId) => ({ contextId, generation: 1, size, root: new Uint8Array(32) })),
    logged: contextIds.map((contextId) => ({ contextId, size })),
    truncations,
    drops,
    settled: archives,
    replicas: [sampleReplica("a", size)],
    roster: { put: [sampleMember(size)], remove: [sampleMember(latest).nodeId] },
    gossipIncarnation: size,
  });
  if (outcome.kind !== "committed") throw new Error(outcome.kind);
  latest = size;
  archives = truncations.map(({ archive }) => archive);
  stage =
    round % 10 === 0 ? { log: store.newLog(), latest: 0 } : { log: stage.log, latest: stage.latest + 20 };
  process.stdout.write(`${latest}\n`);
}

/** Returns the newest full subtree of each log that has one, its root told by its index. */
function subtreesOf(all: readonly number[], lengthOf: (log: number) => number): NewSubtree[] {
  return all.flatMap((log) => {
    const index = Math.floor(lengthOf(log) / 256) - 1;
    return index < 0 ? [] : [{ log, level: 1, index, root: new Uint8Array(32).fill(index) }];
  });
}
