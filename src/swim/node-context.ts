import { limits } from "../core/limits.ts";
import { Awareness } from "./awareness.ts";
import { type Counters, newCounters } from "./counters.ts";
import { LocalNode } from "./local-node.ts";
import { MemberTable } from "./member-table.ts";
import { NameTable } from "./name-table.ts";
import { Outbox } from "./outbox.ts";
import type { SwimOptions } from "./swim-options.ts";
import { PacketCodec } from "./wire/packet-codec.ts";

/** What the parts of one node share. */
export class NodeContext {
  readonly options: SwimOptions;
  readonly self: LocalNode;
  readonly table: MemberTable;
  readonly awareness: Awareness;
  readonly outbox = new Outbox();
  readonly counters: Counters = newCounters();
  readonly codec: PacketCodec;
  /** The time of the input that is being handled, in milliseconds. */
  nowMs = 0;

  constructor(options: SwimOptions) {
    this.options = options;
    this.self = new LocalNode(options);
    this.table = new MemberTable(options.names ?? new NameTable(), options.random);
    this.awareness = new Awareness(options.timing);
    this.codec = new PacketCodec(options);
  }

  /** Members that count, this node included: what waits and repetitions grow with. */
  get clusterSize(): number {
    return this.table.size + 1;
  }

  /** Bytes of messages that fit into one packet beside all layers. */
  get packetRoom(): number {
    return limits.gossipPacketBytes - this.codec.overhead;
  }
}
