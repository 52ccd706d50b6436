/** Prints each datagram that comes to port 9000; a line `HOST TEXT` on standard input is sent there. */

import { lines } from "../../support/lines.ts";

const socket = await Bun.udpSocket({
  port: 9000,
  socket: { data: (_, bytes) => console.log(bytes.toString()) },
});
console.log("ready");
for await (const line of lines(Bun.stdin.stream())) {
  const [host = "", text = ""] = line.split(" ");
  socket.send(text, 9000, host);
}
process.exit(0);
