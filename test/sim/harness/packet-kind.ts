const compound = 7;
const checksummed = 12;
const checksumBytes = 5;

const kinds: Readonly<Record<number, string>> = {
  0: "ping",
  1: "indirect-ping",
  2: "ack",
  3: "suspect",
  4: "alive",
  5: "dead",
  8: "user",
  11: "nack",
};

/** Returns the kind of the first message of a plain packet; what else goes along with it does not count. */
export function messageOf(packet: Uint8Array): string {
  let at = packet[0] === checksummed ? checksumBytes : 0;
  if (packet[at] === compound) at += 2 + 2 * (packet[at + 1] ?? 0);
  return kinds[packet[at] ?? -1] ?? "other";
}
