import { limits } from "../core/limits.ts";
import { BroadcastQueue, type Subject } from "./broadcast-queue.ts";
import type { Endpoint } from "./endpoint.ts";
import { stateCodes } from "./member-table.ts";
import type { NodeContext } from "./node-context.ts";
import { retransmitLimit } from "./scaling.ts";
import { protocolMaxOf, readsChecksums } from "./versions.ts";
import { compoundOverhead, compoundPartOverhead, compoundPartsMax, encodeCompound } from "./wire/compound.ts";
import { encodeMessage } from "./wire/encode-message.ts";
import type { PacketMessage } from "./wire/messages.ts";

/** Sends packets, and passes messages on: a few random members each round, and along with every packet. */
export class Gossiper {
  readonly #node: NodeContext;
  readonly #queue = new BroadcastQueue();
  /** The token of the next round; undefined while there is nothing to say. */
  #round: number | undefined;

  constructor(node: NodeContext) {
    this.#node = node;
  }

  /** Messages that are being passed on. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Passes a message on to everybody, in place of an older one about the same subject. */
  broadcast(bytes: Uint8Array, subject: Subject, ended?: () => void): void {
    this.#queue.push(bytes, subject, ended);
    const { gossipIntervalMs } = this.#node.options.timing;
    if (this.#round === undefined) this.#arm(this.#node.options.random.below(gossipIntervalMs));
  }

  /** Sends a message to a member, or to a place that is none (-1), with others that fit into the packet. */
  send(slot: number, to: Endpoint, message: PacketMessage): void {
    this.sendAll(slot, to, [encodeMessage(message)]);
  }

  /** Sends a message to a member that may well be dead: nothing else goes with it, for it would count as passed on. */
  sendAlone(slot: number, to: Endpoint, message: PacketMessage): void {
    this.#sendPacket(slot, to, [encodeMessage(message)]);
  }

  /** As {@link send}, with several encoded messages in one packet. */
  sendAll(slot: number, to: Endpoint, own: readonly Uint8Array[]): void {
    if (this.#queue.length === 0) return this.#sendPacket(slot, to, own);
    const used = own.reduce((sum, { length }) => sum + compoundPartOverhead + length, compoundOverhead);
    this.#sendPacket(slot, to, [...own, ...this.#take(used, compoundPartsMax - own.length)]);
  }

  /** Runs a round of gossip, if `token` is that of the next one. */
  round(token: number): void {
    if (token !== this.#round) return;
    this.#round = undefined;
    const { table, options, nowMs } = this.#node;
    const { gossipNodes, gossipToTheDeadMs, gossipIntervalMs } = options.timing;
    const hears = (slot: number): boolean =>
      table.isActive(slot) ||
      (table.stateOf(slot) === stateCodes.dead && nowMs - (table.since(slot) ?? 0) <= gossipToTheDeadMs);
    const listeners = table.pick(gossipNodes, hears);
    for (const slot of listeners) {
      const parts = this.#take(compoundOverhead, compoundPartsMax);
      if (parts.length === 0) break;
      this.#sendPacket(slot, table.profileOf(slot).endpoint, parts);
    }
    // Without listeners the next member that joins begins the rounds anew.
    if (this.#queue.length > 0 && listeners.length > 0) this.#arm(gossipIntervalMs);
  }

  #take(usedBytes: number, countMax: number): Uint8Array[] {
    const { packetRoom, clusterSize, options } = this.#node;
    const room = { bytesMax: packetRoom - usedBytes, overheadBytes: compoundPartOverhead, countMax };
    return this.#queue.take(room, retransmitLimit(options.timing.retransmitMult, clusterSize));
  }

  #sendPacket(slot: number, to: Endpoint, parts: readonly Uint8Array[]): void {
    const { codec, outbox, table } = this.#node;
    const [first] = parts;
    const body = first !== undefined && parts.length === 1 ? first : encodeCompound(parts);
    const crc = slot >= 0 && protocolMaxOf(table.profileOf(slot).versions) >= readsChecksums;
    const packet = codec.wrap(body, { crc });
    if (packet.length <= limits.gossipPacketBytesMax) outbox.send(to, packet);
  }

  #arm(afterMs: number): void {
    this.#round = this.#node.outbox.timer("gossip", afterMs);
  }
}
