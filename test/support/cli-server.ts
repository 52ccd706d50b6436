import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

/** A server in a process of its own, behind an address that stays the same when it is started again. */
export interface CliServer extends AsyncDisposable {
  /** For CONVERGE_LEDGER_URL. */
  readonly url: string;
  /** A folder for files of the test. */
  readonly folder: string;
  /** Ends the process without warning; calls in flight break off. */
  kill(): Promise<void>;
  /** Starts the process on the data that is there. */
  start(): Promise<void>;
}

export async function startCliServer(): Promise<CliServer> {
  const folder = await mkdtemp(`${tmpdir()}/converge-ledger-cli-`);
  let running: ServerProcess | undefined;
  const proxy = await startProxy(() => running?.httpPort);

  const kill = async (): Promise<void> => {
    const ended = running;
    running = undefined;
    await ended?.kill();
    proxy.breakOff();
  };
  const start = async (): Promise<void> => {
    running = await startServerProcess({ data: `${folder}/data` });
  };
  await start();
  return {
    url: `http://127.0.0.1:${proxy.port}`,
    folder,
    kill,
    start,
    [Symbol.asyncDispose]: async () => {
      await kill();
      proxy.close();
      await rm(folder, { recursive: true });
    },
  };
}

interface Proxy {
  readonly port: number;
  breakOff(): void;
  close(): void;
}

/** Passes connections on to a port that may change; without one they are reset. */
async function startProxy(target: () => number | undefined): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    keep(client);
    const port = target();
    client.on("error", () => {});
    if (port === undefined) return client.resetAndDestroy();
    const upstream = connect(port, "127.0.0.1");
    keep(upstream);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.pipe(to);
      from.on("close", () => to.destroy());
    }
    upstream.on("error", () => {});
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const breakOff = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    breakOff,
    close: () => {
      breakOff();
      server.close();
    },
  };
}
