/**
 * The entry of the executable: the only reader of the process.
 *
 * @module
 */

import { runCli } from "./cli/cli.ts";
import { buildInfo } from "./cli/build-info.ts";
import { processIo } from "./cli/process-io.ts";
import type { Tools } from "./cli/tools.ts";
import type { Resolved, ServerConfig } from "./config.ts";
import { ConfigError, formatHostPort } from "./config.ts";
import type { Hasher } from "./core/hasher.ts";
import type { Log } from "./core/log.ts";
import { lineOutput } from "./node/line-output.ts";
import { createLog, logStyle } from "./node/log.ts";
import type { Server } from "./server/server.ts";
import { StoreOpenError } from "./store/open-error.ts";
import { openSqliteStore, type SqliteStore } from "./store/sqlite-store.ts";

// A full pipe on stderr that nobody reads would keep the event loop alive for ever: the process ends by itself.
process.exit(await runCli(process.argv.slice(2), processIo(process), tools()));

/** What commands use of the rest of the program. Loaded when it is used: most commands need none of it. */
function tools(): Tools {
  const loadHasher = async (): Promise<Hasher> => await (await import("./hash/load-hasher.ts")).loadHasher();
  return {
    serve,
    loadHasher,
    async *verifyData(directory) {
      const { verifyData } = await import("./server/offline/verify-data.ts");
      yield* verifyData(directory, await loadHasher());
    },
    async changeKeys(config, change) {
      const { changeKeys } = await import("./server/offline/node-key-tools.ts");
      return await changeKeys(config, change, await loadHasher());
    },
    async storedKeys(config, contextId) {
      const { storedKeys } = await import("./server/offline/node-key-tools.ts");
      return await storedKeys(config, contextId, await loadHasher());
    },
  };
}

/** Runs a server until a signal or a part that keeps failing ends it. */
async function serve({ config, warnings }: Resolved<"server">): Promise<number> {
  const log = createProcessLog(config);
  for (const warning of warnings) log.warn(warning);
  let wasOpen = false;
  const openStore = async (): Promise<SqliteStore> => {
    const store = await openSqliteStore({
      directory: config.data,
      workerUrl: new URL("./store/writer-worker.ts", import.meta.url),
      expectExisting: wasOpen,
      onProblem: (problem) => log.warn("the storage has a problem", { problem }),
    });
    wasOpen = true;
    return store;
  };
  // The storage opens on its own thread while the rest of the server is loaded, which other commands do without.
  // With TLS it waits, so that a certificate that cannot be used leaves no directory behind.
  let early = config.tlsCert === undefined ? openStore() : undefined;
  early?.catch(() => {});
  const { startServer } = await import("./server/server.ts");
  let server: Server;
  try {
    server = await startServer({
      config,
      log,
      build: { version: buildInfo.version, runtime: `bun ${Bun.version}` },
      openStore() {
        const opening = early ?? openStore();
        early = undefined;
        return opening;
      },
      process,
    });
  } catch (error) {
    if (!(error instanceof StoreOpenError) && !isSystemError(error)) throw error;
    log.error("cannot start", { error });
    return 1;
  }
  await announce(config, server);
  return await ended(server, log);
}

/**
 * Resolves with the exit code once the server has stopped; rejects with ConfigError if it has the wrong settings for its
 * cluster. A second signal ends the process at once.
 */
async function ended(server: Server, log: Log): Promise<number> {
  const signals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
  const signalled = new Promise<string>((resolve) => {
    let first = true;
    for (const signal of signals) {
      process.on(signal, () => {
        if (!first) process.exit(1);
        first = false;
        resolve(signal);
      });
    }
  });
  const end = await Promise.race([signalled, server.crashed, server.misfit]);
  if (end instanceof ConfigError) {
    await server.stop();
    throw end;
  }
  if (end instanceof Error) {
    log.error("the server has stopped: a part keeps failing", { error: end });
    return 1;
  }
  log.info("stopping", { signal: end });
  await server.stop();
  log.info("stopped");
  return 0;
}

/** Tells people on stdout where the server is; programs wait for the last line. */
async function announce(config: ServerConfig, server: Server): Promise<void> {
  const scheme = config.tlsCert === undefined ? "http" : "https";
  const grpc = formatHostPort({ ...config.grpc, port: server.grpcPort });
  const http = formatHostPort({ ...config.http, port: server.httpPort });
  const { gossip } = server;
  process.stdout.write(
    [
      `converge-ledger ${buildInfo.version}  data ${config.data} (fsync before every answer)`,
      `├─ gRPC                          ${scheme}://${grpc}`,
      `├─ Connect, gRPC-Web, SSE        ${scheme}://${http}`,
      `├─ health, metrics               ${scheme}://${http}/readyz  ${scheme}://${http}/metrics`,
      ...(gossip === undefined ? [] : [`├─ gossip                        ${gossipText(gossip)}`]),
      `└─ key for verifiers             ${await server.logKey()}`,
      `ready in ${Math.round(performance.now())} ms\n`,
    ].join("\n"),
  );
}

function gossipText({ address, isEncrypted, profile }: NonNullable<Server["gossip"]>): string {
  return `${address} (UDP and TCP, ${isEncrypted ? "sealed" : "in plain text"}, ${profile} timing)`;
}

function createProcessLog({ logLevel, logFormat }: ServerConfig): Log {
  const isTerminal = process.stderr.isTTY === true;
  const style = logStyle({ format: logFormat, isTerminal, noColor: process.env["NO_COLOR"] });
  const dropped = (count: number): string =>
    `${count} log lines were dropped: nobody reads them fast enough\n`;
  return createLog({ ...style, level: logLevel, write: lineOutput(Bun.stderr.writer(), dropped) });
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "code" in error;
}
