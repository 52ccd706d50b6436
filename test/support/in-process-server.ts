import { resolveConfig } from "../../src/config.ts";
import type { Log } from "../../src/core/log.ts";
import { type Server, startServer } from "../../src/server/server.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { temporaryDirectory } from "../store/temporary-directory.ts";

/** A whole server in this process, whose parts a test can make crash. */
export interface InProcessServer extends AsyncDisposable {
  readonly server: Server;
  /** `host:port` of the gRPC listener. */
  readonly grpc: string;
  readonly url: string;
  /** Messages of its log. */
  readonly logged: readonly string[];
}

/** `workerUrl` is the entry file of the storage's Worker, `more` are settings by their names. */
export async function startInProcessServer(
  workerUrl: URL,
  more: Readonly<Record<string, string | readonly string[]>> = {},
): Promise<InProcessServer> {
  const directory = temporaryDirectory();
  const flags = { data: directory.path, grpc: "127.0.0.1:0", http: "127.0.0.1:0", ...more };
  const { config } = resolveConfig("server", { flags, env: {} });
  const logged: string[] = [];
  const build = { version: "0.0.0", runtime: "test" };
  const log = collectingLog(logged);
  const openStore = () => openSqliteStore({ directory: directory.path, workerUrl });
  const server = await startServer({ config, log, build, openStore, process });
  return {
    server,
    grpc: `127.0.0.1:${server.grpcPort}`,
    url: `http://127.0.0.1:${server.httpPort}`,
    logged,
    async [Symbol.asyncDispose]() {
      await server.stop();
      directory[Symbol.dispose]();
    },
  };
}

function collectingLog(logged: string[]): Log {
  const put = (message: string): void => void logged.push(message);
  const log: Log = { debug: put, info: put, warn: put, error: put, child: () => log, isEnabled: () => true };
  return log;
}
