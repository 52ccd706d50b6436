import { createServer } from "node:net";

const lowest = 20_000;
const highest = 32_000;

/**
 * Returns a loopback port that was free a moment ago, below the range that outgoing connections take theirs from: one
 * of those can be in the way of a server long after it was closed.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once("error", () => resolve(false));
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  return await promise;
}
