import type { Endpoint } from "../../../src/swim/endpoint.ts";
import type { Input, StreamId } from "../../../src/swim/input.ts";
import type { Network } from "./network.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** What streams need of the machines. A machine is named by its index, one life of its process by a number. */
export interface StreamWorld {
  readonly network: Network;
  readonly random: SeededRandom;
  /** Bytes that are read at once are at most this many; how many, is random. */
  readonly chunkBytesMax: number;
  readonly acceptTimeoutMs: number;
  nowMs(): number;
  at(atMs: number, action: () => void): void;
  machineAt(endpoint: Endpoint): number;
  endpointOf(machine: number): Endpoint;
  /** The life of the process there; 0 if none runs. */
  lifeOf(machine: number): number;
  isHostUp(machine: number): boolean;
  deliver(machine: number, life: number, input: Input): void;
}

export interface NewStream {
  readonly stream: StreamId;
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
  readonly timeoutMs: number;
}

/** One end of a stream, at one machine. */
interface End {
  readonly machine: number;
  readonly life: number;
  readonly id: StreamId;
  /** Undefined until the stream is connected. */
  other: End | undefined;
  isOpen: boolean;
  /** Closed by its program before it was connected: what was written still has to go. */
  isClosing: boolean;
  /** When the last of what was sent to here arrives: nothing overtakes. */
  lastArrivalMs: number;
  /** What is on its way to here, and cut off. */
  readonly held: Input[];
  isHeld: boolean;
  /** What was written here before the stream was connected. */
  readonly unsent: Uint8Array[];
}

const retransmitMs = 200;
const retransmitMsMax = 6400;
const connectRetryMs = 1000;

/**
 * TCP as programs see it: reliable, ordered, in pieces of any size; what is lost or cut off comes later; connecting
 * is refused where no process listens, and takes for ever where no machine answers.
 */
export class Streams {
  readonly #world: StreamWorld;
  readonly #ends = new Map<string, End>();
  #accepted = 0;

  constructor(world: StreamWorld) {
    this.#world = world;
  }

  open(machine: number, { stream, to, bytes, timeoutMs }: NewStream): void {
    const end = this.#add(machine, stream);
    end.unsent.push(bytes);
    this.#after(timeoutMs, () => this.#break(end, "timed out"));
    this.#connect(end, to, connectRetryMs);
  }

  write(machine: number, id: StreamId, bytes: Uint8Array): void {
    const end = this.#ends.get(keyOf(machine, id));
    if (end?.other === undefined) end?.unsent.push(bytes);
    else this.#send(end.other, bytes);
  }

  /** Nothing of the stream arrives here any more; what was written still arrives there, and then the end. */
  close(machine: number, id: StreamId): void {
    const end = this.#ends.get(keyOf(machine, id));
    if (end === undefined) return;
    if (end.other === undefined) end.isClosing = true;
    else this.#finish(end, end.other);
  }

  /** The process of a machine is gone. If its host is up, it tells the others. */
  crashed(machine: number): void {
    for (const end of this.#ends.values()) {
      if (end.machine !== machine) continue;
      this.#remove(end);
      const { other } = end;
      if (other === undefined || !this.#world.isHostUp(machine)) continue;
      const delayMs = this.#world.network.delayMs(machine, other.machine);
      this.#after(delayMs, () => this.#break(other, "connection reset"));
    }
  }

  #connect(end: End, endpoint: Endpoint, retryMs: number): void {
    if (!end.isOpen) return;
    const { network } = this.#world;
    const to = this.#world.machineAt(endpoint);
    const answers = to >= 0 && this.#world.isHostUp(to);
    if (!answers || network.loses(end.machine, to) || network.loses(to, end.machine)) {
      this.#after(retryMs, () => this.#connect(end, endpoint, 2 * retryMs));
      return;
    }
    this.#after(network.delayMs(end.machine, to), () => {
      if (this.#world.lifeOf(to) !== 0) this.#accept(end, to);
      else this.#after(network.delayMs(to, end.machine), () => this.#break(end, "connection refused"));
    });
  }

  #accept(opener: End, machine: number): void {
    if (!opener.isOpen) return;
    const end = this.#add(machine, -++this.#accepted);
    opener.other = end;
    end.other = opener;
    this.#after(this.#world.acceptTimeoutMs, () => this.#break(end, "timed out"));
    const { address } = this.#world.endpointOf(opener.machine);
    const from = { address, port: 32_768 + (this.#accepted % 28_000) };
    this.#world.deliver(machine, end.life, { kind: "stream-opened", stream: end.id, from });
    for (const bytes of opener.unsent.splice(0)) this.#send(end, bytes);
    if (opener.isClosing) this.#finish(opener, end);
  }

  #finish(end: End, other: End): void {
    this.#remove(end);
    this.#queue(other, { kind: "stream-ended", stream: other.id, error: undefined });
  }

  /** Sends bytes to an end, in pieces. */
  #send(end: End, bytes: Uint8Array): void {
    const { chunkBytesMax, random } = this.#world;
    for (let from = 0; from < bytes.length;) {
      const size = Math.min(bytes.length - from, 1 + random.below(chunkBytesMax));
      // A copy, because bytes belong to whoever they are delivered to.
      this.#queue(end, { kind: "stream-data", stream: end.id, bytes: bytes.slice(from, from + size) });
      from += size;
    }
  }

  #queue(end: End, input: Input): void {
    if (!end.isOpen) return;
    end.held.push(input);
    if (!end.isHeld) this.#pump(end, retransmitMs);
  }

  /** Sends on what is held, unless the way is cut: then it is tried again later. */
  #pump(end: End, retryMs: number): void {
    const { network } = this.#world;
    const from = end.other?.machine ?? end.machine;
    end.isHeld = end.held.length > 0 && network.isCut(from, end.machine);
    if (end.isHeld) {
      this.#after(retryMs, () => this.#pump(end, Math.min(2 * retryMs, retransmitMsMax)));
      return;
    }
    for (const input of end.held.splice(0)) {
      let delayMs = network.delayMs(from, end.machine);
      for (let wait = retransmitMs; wait < retransmitMsMax && network.loses(from, end.machine); wait *= 2)
        delayMs += wait;
      end.lastArrivalMs = Math.max(end.lastArrivalMs, this.#world.nowMs() + delayMs);
      this.#world.at(end.lastArrivalMs, () => this.#arrive(end, input));
    }
  }

  #arrive(end: End, input: Input): void {
    if (!end.isOpen) return;
    if (input.kind === "stream-ended") this.#remove(end);
    this.#world.deliver(end.machine, end.life, input);
  }

  /** Ends a stream at once at this end, and soon at the other. */
  #break(end: End, error: string): void {
    if (!end.isOpen) return;
    this.#remove(end);
    if (!end.isClosing)
      this.#world.deliver(end.machine, end.life, { kind: "stream-ended", stream: end.id, error });
    if (end.other !== undefined)
      this.#queue(end.other, { kind: "stream-ended", stream: end.other.id, error: "connection reset" });
  }

  #add(machine: number, id: StreamId): End {
    const end: End = {
      ...{ machine, life: this.#world.lifeOf(machine), id, other: undefined },
      ...{ isOpen: true, isClosing: false, lastArrivalMs: 0, held: [], isHeld: false, unsent: [] },
    };
    this.#ends.set(keyOf(machine, id), end);
    return end;
  }

  #remove(end: End): void {
    end.isOpen = false;
    end.held.length = 0;
    this.#ends.delete(keyOf(end.machine, end.id));
  }

  #after(delayMs: number, action: () => void): void {
    this.#world.at(this.#world.nowMs() + delayMs, action);
  }
}

function keyOf(machine: number, id: StreamId): string {
  return `${machine} ${id}`;
}
