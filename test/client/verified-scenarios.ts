/**
 * What a verifying client makes of a server and of a proxy that lies: the same in every runtime. Uses nothing that
 * browsers do not have.
 *
 * @module
 */

import { createLedgerClient } from "../../src/client/ledger-client.ts";
import { createVerifiedClient, type VerifiedClient } from "../../src/client/verified-client.ts";
import { VerificationError } from "../../src/client/verification-error.ts";
import type { Hasher } from "../../src/core/hasher.ts";
import { loadPortableHasher } from "../../src/hash/portable.ts";

export interface Outcome {
  readonly name: string;
  /** What was found out, or "clean". */
  readonly fault: string;
  /** Sequences of the entries that were delivered. */
  readonly delivered: readonly number[];
}

export const contextId = "verified";
export const entries = 12;

/** Lies about one entry of a watch, and what shows them. */
export const entryLies: Readonly<Record<string, string>> = {
  "flip-payload": "entry-changed",
  "flip-hash": "entry-changed",
  "change-key": "entry-changed",
  "change-id": "entry-changed",
  "change-time": "entry-changed",
  "change-lamport": "entry-changed",
  "change-metadata": "entry-changed",
  "drop-metadata": "entry-changed",
  "flip-root": "root-differs",
  "no-root": "proof-invalid",
  "drop-entry": "out-of-order",
  "swap-entries": "out-of-order",
};

/** Watches through lies of other kinds, and what shows them. */
export const otherLies: Readonly<Record<string, string>> = {
  "repeat-entry": "out-of-order",
  "no-frontier": "proof-invalid",
  "forked-history": "fork",
  "flip-signature": "checkpoint-invalid",
};

export const appendLies: Readonly<Record<string, string>> = {
  "append-other-payload": "entry-changed",
  "append-no-proof": "proof-invalid",
  "append-flip-proof": "proof-invalid",
};

/** Fills the context, then reads and watches it through every lie. `base` has the proxy, `keys` the trusted keys. */
export async function runScenarios(
  base: string,
  keysOf: () => Promise<readonly string[]>,
): Promise<Outcome[]> {
  const hasher = await loadPortableHasher();
  const encoder = new TextEncoder();
  const writer = createLedgerClient({ url: `${base}/lie/none`, attemptsMax: 1 });
  for (let i = 1; i <= entries; i += 1)
    await writer.append(contextId, {
      key: i % 3 === 0 ? "third" : "other",
      payload: encoder.encode(`payload ${i}`),
      metadata: { n: `${i}` },
    });
  const keys = await keysOf();
  const clientOf = (lie: string, checkpointEvery = 1000): VerifiedClient =>
    verified(`${base}/lie/${lie}`, { keys, hasher, checkpointEvery });

  const outcomes: Outcome[] = [];
  for (const lie of ["none", ...Object.keys(entryLies), ...Object.keys(otherLies)])
    outcomes.push(await outcomeOf(lie, (delivered) => watchAll(clientOf(lie), {}, delivered)));
  outcomes.push(
    await outcomeOf("none with a key", (delivered) =>
      watchAll(clientOf("none"), { key: "third" }, delivered),
    ),
    await outcomeOf("drop-skipped with a key", (delivered) =>
      watchAll(clientOf("drop-skipped"), { key: "third" }, delivered),
    ),
    await outcomeOf("none with a checkpoint for every entry", (delivered) =>
      watchAll(clientOf("none", 1), {}, delivered),
    ),
    await outcomeOf("forked-history with a checkpoint for every entry", (delivered) =>
      watchAll(clientOf("forked-history", 1), {}, delivered),
    ),
    await outcomeOf("flip-consistency with a checkpoint for every entry", (delivered) =>
      watchAll(clientOf("flip-consistency", 1), {}, delivered),
    ),
    await outcomeOf("none, read in two parts", (delivered) => readInParts(clientOf("none"), delivered)),
    await outcomeOf("other-frontier after a part", async (delivered) => {
      const after = await readInParts(clientOf("none"), []);
      await watchAll(clientOf("other-frontier"), { after }, delivered);
    }),
    await outcomeOf("other keys", (delivered) =>
      watchAll(verified(`${base}/lie/none`, { keys: [], hasher }), {}, delivered),
    ),
  );
  for (const lie of ["none", ...Object.keys(appendLies)])
    outcomes.push(
      await outcomeOf(`${lie}, append`, async (delivered) => {
        const entry = { key: "appended", payload: encoder.encode("p") };
        delivered.push(Number((await clientOf(lie).append(contextId, entry)).sequence));
      }),
    );
  const old = clientOf("old-checkpoint");
  outcomes.push(
    await outcomeOf("old-checkpoint", async (delivered) => {
      await watchAll(old, {}, []);
      await writer.append(contextId, { key: "later", payload: encoder.encode("p") });
      await watchAll(old, {}, delivered);
    }),
  );
  return outcomes;
}

function verified(
  url: string,
  options: { keys: readonly string[]; hasher: Hasher; checkpointEvery?: number },
): VerifiedClient {
  return createVerifiedClient(createLedgerClient({ url, attemptsMax: 1 }), options);
}

async function outcomeOf(name: string, work: (delivered: number[]) => Promise<unknown>): Promise<Outcome> {
  const delivered: number[] = [];
  try {
    await work(delivered);
    return { name, fault: "clean", delivered };
  } catch (error) {
    return { name, fault: error instanceof VerificationError ? error.fault : String(error), delivered };
  }
}

/** Watches until everything that existed was delivered. */
async function watchAll(
  client: VerifiedClient,
  options: Parameters<VerifiedClient["watch"]>[1],
  delivered: number[],
): Promise<void> {
  for await (const item of client.watch(contextId, options)) {
    if (item.kind === "caught-up") return;
    if (item.kind === "entry") delivered.push(Number(item.entry.sequence));
  }
}

async function readInParts(
  client: VerifiedClient,
  delivered: number[],
): Promise<NonNullable<Parameters<VerifiedClient["read"]>[1]>["after"] & object> {
  const first = client.read(contextId);
  let step = await first.next();
  for (; step.done !== true; step = await first.next()) delivered.push(Number(step.value.sequence));
  const second = client.read(contextId, { after: step.value });
  let rest = await second.next();
  for (; rest.done !== true; rest = await second.next()) delivered.push(Number(rest.value.sequence));
  return rest.value;
}
