import { createServer } from "node:net";
import type { Network, Place } from "./network.ts";

const lowest = 20_000;
const highest = 32_000;
const given = new Set<number>();

/** Every node on a loopback address of its own (127.x.y.1, .2, ...), or on 127.0.0.1 with `oneAddress` and on macOS, which has no other. */
export async function openLoopbackNetwork(nodes: number, { oneAddress = false } = {}): Promise<Network> {
  const net = `127.${1 + random(254)}.${random(256)}`;
  const places: Place[] = [];
  for (let index = 0; index < nodes; index += 1) {
    const host = process.platform === "linux" && !oneAddress ? `${net}.${index + 1}` : "127.0.0.1";
    const [grpcPort, httpPort, gossipPort] = [
      await freePort(host),
      await freePort(host),
      await freePort(host),
    ];
    places.push({ host, grpcPort, httpPort, gossipPort, prefix: [] });
  }
  return {
    kind: "loopback",
    isPrivate: false,
    links: undefined,
    place: (index) => {
      const place = places[index];
      if (place === undefined) throw new Error(`There is no place for node ${index}`);
      return place;
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Below the range that outgoing connections take theirs from, so that a node finds it free after a restart. */
async function freePort(host: string): Promise<number> {
  for (;;) {
    const port = lowest + random(highest - lowest);
    if (given.has(port)) continue;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
    if (!(await promise)) continue;
    given.add(port);
    return port;
  }
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}
