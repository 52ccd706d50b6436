import { messageOf } from "./packet-kind.ts";

/** What all machines together have sent since the counters began. */
export class Traffic {
  packets = 0;
  packetBytes = 0;
  streams = 0;
  streamBytes = 0;
  readonly #kinds = new Map<string, number>();

  packet(bytes: Uint8Array): void {
    this.packets++;
    this.packetBytes += bytes.length;
    const kind = messageOf(bytes);
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1);
  }

  /** Packets whose first message is of a kind. */
  packetsOf(kind: string): number {
    return this.#kinds.get(kind) ?? 0;
  }

  reset(): void {
    this.packets = 0;
    this.packetBytes = 0;
    this.streams = 0;
    this.streamBytes = 0;
    this.#kinds.clear();
  }
}
