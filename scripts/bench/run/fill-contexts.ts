import { checkAppend } from "../../../src/core/validate.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import { ContextState, type Origin, planEntries } from "../../../src/ledger/context-state.ts";
import { IdSource } from "../../../src/ledger/id-source.ts";
import type { HeadChange, NewRow } from "../../../src/ledger/ports.ts";
import { createSystemClock } from "../../../src/node/system-clock.ts";
import { systemRandom } from "../../../src/node/system-random.ts";
import { openSqliteStore } from "../../../src/store/sqlite-store.ts";
import { payload } from "./requests.ts";

const contextsPerCommit = 800;

export interface Contexts {
  readonly directory: string;
  readonly contexts: number;
  readonly entriesEach: number;
}

/** Fills a data directory with contexts as a server would have, without one: there are millions of entries. */
export async function fillContexts({ directory, contexts, entriesEach }: Contexts): Promise<void> {
  const workerUrl = new URL("../../../src/store/writer-worker.ts", import.meta.url);
  const store = await openSqliteStore({ directory, workerUrl, onProblem: console.error });
  const origin: Origin = {
    clock: createSystemClock(),
    ids: new IdSource(systemRandom),
    hasher: await loadHasher(),
    newLog: () => store.newLog(),
  };
  // The next commit is planned while one is written.
  let writing: Promise<unknown> = Promise.resolve();
  for (let first = 0; first < contexts; first += contextsPerCommit) {
    const planned = planContexts(origin, first, Math.min(contextsPerCommit, contexts - first), entriesEach);
    await writing;
    writing = store.commit(planned);
  }
  await writing;
  await store.close();
}

function planContexts(origin: Origin, first: number, count: number, entriesEach: number) {
  const input = checkAppend({
    key: "facts",
    payload: payload(),
    metadata: [],
    receivedLamport: 0n,
    idempotencyKey: "",
  });
  const inputs = Array.from({ length: entriesEach }, () => input);
  const rows: NewRow[] = [];
  const heads: HeadChange[] = [];
  for (let index = first; index < first + count; index++) {
    const state = new ContextState(`context-${index}`, undefined);
    const entries = planEntries(state, inputs, origin);
    const to = state.planned;
    if (to === undefined) throw new Error("a context with entries has a head");
    heads.push({ contextId: state.id, from: undefined, to });
    for (const { sequence, key, contentHash, wire } of entries)
      rows.push({ log: to.log, sequence, key, contentHash, wire, findableId: undefined });
  }
  return { rows, heads };
}
