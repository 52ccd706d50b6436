/**
 * Kill -9 at random moments under load: every acknowledged entry is there, exactly once, in order. 8 rounds, or 50 with
 * CONVERGE_LEDGER_TEST_LONG=1 in the environment.
 *
 * @module
 */

import { expect, setDefaultTimeout, test } from "bun:test";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { grpcJs } from "../support/client-kinds.ts";
import { fetchClient } from "../support/fetch-client.ts";
import { Journal } from "../support/journal.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";

const isLong = process.env["CONVERGE_LEDGER_TEST_LONG"] === "1";
const rounds = isLong ? 50 : 8;

setDefaultTimeout(rounds * 20_000);

test(`${rounds} times kill -9 under load loses, repeats and reorders nothing that was acknowledged`, async () => {
  using directory = temporaryDirectory();
  const journal = new Journal();
  for (let round = 1; round <= rounds; round += 1) {
    await using server = await startServerProcess({ data: directory.path });
    const client = fetchClient(server.url);
    await journal.retryUnknown(client);
    await journal.repeatAcknowledged(client, 20);
    await journal.verify(client);
    await killUnderLoad(server, journal);
  }
  await using server = await startServerProcess({ data: directory.path });
  const client = fetchClient(server.url);
  await journal.retryUnknown(client);
  await journal.verify(client, { fromBeginning: true });
  expect(journal.acknowledgedCount).toBeGreaterThan(rounds * 20);
});

/** Lets appenders of three kinds write to five contexts, and kills the server a random moment after the first answers. */
async function killUnderLoad(server: ServerProcess, journal: Journal): Promise<void> {
  const before = journal.acknowledgedCount;
  const http = fetchClient(server.url);
  const appenders: Promise<unknown>[] = [];
  for (let i = 0; i < 8; i += 1) appenders.push(journal.appendUntilFailure(http, `http ${i % 2}`, i % 4 < 2));
  if (grpcJs.lacks === undefined) {
    const client = await grpcJs.open(server);
    for (let i = 0; i < 8; i += 1)
      appenders.push(journal.appendUntilFailure(client, `grpc ${i % 2}`, i % 4 < 2));
    appenders.push(
      journal.streamUntilFailure(client, "stream"),
      journal.streamUntilFailure(client, "http 0"),
    );
    void Promise.all(appenders).then(() => client.kill());
  }
  await until("the load has begun", () => journal.acknowledgedCount > before + 10);
  await Bun.sleep(Math.random() * 250);
  await server.kill();
  await Promise.all(appenders);
}
