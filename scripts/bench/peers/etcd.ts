import { type Bench, scratchDirectory } from "../run/bench.ts";
import { startChild } from "../run/child.ts";
import { freePort } from "../run/free-port.ts";
import { envelope } from "../run/protocol.ts";
import { payload } from "../run/requests.ts";
import { until } from "../run/until.ts";

export const etcdPut = "/etcdserverpb.KV/Put";

export interface Etcd extends AsyncDisposable {
  readonly port: number;
  /** Grows by one with every Put. */
  revision(): Promise<number>;
}

/** Starts a single etcd with an empty directory on the disk that our server uses. */
export async function startEtcd(bench: Bench): Promise<Etcd> {
  const stack = new AsyncDisposableStack();
  const data = stack.use(await scratchDirectory(bench, "etcd"));
  const port = await freePort();
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  stack.use(
    startChild([
      ...["etcd", "--data-dir", data.path, "--name", "bench", "--log-level", "error"],
      ...["--listen-client-urls", client, "--advertise-client-urls", client],
      ...[
        "--listen-peer-urls",
        peer,
        "--initial-advertise-peer-urls",
        peer,
        "--initial-cluster",
        `bench=${peer}`,
      ],
    ]),
  );
  const health = async () => (await fetch(`${client}/health`)).ok;
  try {
    await until("etcd is healthy", 10_000, health);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
  return {
    port,
    revision: async () => {
      const answer = await fetch(`${client}/v3/kv/range`, {
        method: "POST",
        body: JSON.stringify({ key: btoa("bench") }),
      });
      const { header } = (await answer.json()) as { header: { revision: string } };
      return Number(header.revision);
    },
    [Symbol.asyncDispose]: async () => await stack.disposeAsync(),
  };
}

/** A framed PutRequest: key is field 1, value field 2. */
export function putBody(): Uint8Array {
  const key = Buffer.from("bench");
  const value = payload();
  const length = Buffer.of((value.length & 0x7f) | 0x80, value.length >> 7);
  return envelope(Buffer.concat([Buffer.of(0x0a, key.length), key, Buffer.of(0x12), length, value]));
}
