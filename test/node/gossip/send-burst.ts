/**
 * Sends packets: `PORT COUNT BYTES`. Each begins with its number.
 *
 * @module
 */

import { createSocket } from "node:dgram";

const [port = 0, count = 0, bytes = 0] = process.argv.slice(2).map(Number);
const socket = createSocket({ type: "udp4", sendBufferSize: 4 << 20 });
await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
for (let index = 0; index < count; index += 1) {
  const packet = Buffer.alloc(bytes);
  packet.writeUInt32BE(index);
  await new Promise((resolve) => socket.send(packet, port, "127.0.0.1", resolve));
}
socket.close();
