import { refusals } from "../../swim/wire/refusal.ts";

/** Every reason not to read a packet or stream, none of which has happened. */
export const noRefusals: Readonly<Record<string, number>> = Object.fromEntries(
  refusals.map((refusal) => [refusal, 0]),
);

/** What the sockets of gossip have done since they were opened. */
export interface GossipCounters {
  packetsIn: number;
  packetsOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Packets that were not sent: the system refused them, or too many waited. */
  sendErrors: number;
  streamsIn: number;
  streamsOut: number;
  /** Streams that failed: not opened, broken, too slow, too long. */
  streamErrors: number;
  /** Streams of others that were cut at once because too many were open. */
  streamsRefused: number;
  /** How often the event loop stood still. */
  stalls: number;
}

export function createGossipCounters(): GossipCounters {
  return {
    packetsIn: 0,
    packetsOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    sendErrors: 0,
    streamsIn: 0,
    streamsOut: 0,
    streamErrors: 0,
    streamsRefused: 0,
    stalls: 0,
  };
}
