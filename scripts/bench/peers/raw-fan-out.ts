import type { Bench } from "../run/bench.ts";
import { startChild } from "../run/child.ts";
import { freePort } from "../run/free-port.ts";
import { watchSse } from "../run/load.ts";

/**
 * Deliveries a second of a server that does nothing but write one server-sent event after the other to every socket,
 * one write for each: what joining the events of a moment has to beat.
 */
export async function rawFanOut(bench: Bench, watchers: number): Promise<number> {
  const port = await freePort();
  await using server = startChild([process.execPath, "-e", source(port, watchers)]);
  await server.line(/listening/);
  await using watching = await watchSse(bench, { port, contextId: "raw", connections: watchers });
  await watching.begun();
  await Bun.sleep(500);
  const before = await watching.state();
  await Bun.sleep(bench.seconds * 1000);
  const after = await watching.state();
  if (after.disorder > 0) throw new Error(`${after.disorder} raw deliveries were out of order`);
  return ((after.deliveries - before.deliveries) / (after.ns - before.ns)) * 1e9;
}

/** The next event goes out once every socket has taken the one before. Its data is as long as an entry's. */
function source(port: number, watchers: number): string {
  return `
    const sockets = new Set();
    const data = "x".repeat(600);
    let sequence = 0, blocked = 0;
    const send = (socket, bytes) => {
      const rest = bytes.subarray(Math.max(0, socket.write(bytes)));
      if (rest.length > 0) { socket.data = rest; blocked++; }
    };
    const round = () => {
      if (sockets.size < ${watchers} || blocked > 0) return;
      const event = Buffer.from("id: " + ++sequence + "-00\\nevent: entry\\ndata: " + data + "\\n\\n");
      for (const socket of sockets) send(socket, event);
      if (blocked === 0) setImmediate(round);
    };
    Bun.listen({ hostname: "127.0.0.1", port: ${port}, socket: {
      data(socket) {
        if (sockets.has(socket)) return;
        sockets.add(socket);
        socket.write("HTTP/1.1 200 OK\\r\\ncontent-type: text/event-stream\\r\\n\\r\\n");
        if (sockets.size === ${watchers}) setImmediate(round);
      },
      drain(socket) {
        const rest = socket.data;
        if (!rest) return;
        socket.data = undefined;
        blocked--;
        send(socket, rest);
        if (blocked === 0) setImmediate(round);
      },
      close(socket) { sockets.delete(socket); },
    } });
    console.log("listening");`;
}
