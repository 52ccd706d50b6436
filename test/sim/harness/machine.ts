import type { Effect } from "../../../src/swim/effect.ts";
import type { Input, Timer } from "../../../src/swim/input.ts";

/** What runs on a machine: the state machine of the protocol, or a fake of it. */
export interface Protocol {
  handle(input: Input, nowMs: number): readonly Effect[];
}

/** A timer that waits: when it is due by the clock of its machine, and for which life of the process. */
export interface PendingTimer {
  readonly timer: Timer;
  readonly dueMs: number;
  readonly life: number;
}

/** One computer of the simulation, with at most one process. */
export interface Machine<Node extends Protocol> {
  readonly index: number;
  /** Undefined if no process runs. */
  node: Node | undefined;
  /** Counts the lives of the process. */
  life: number;
  isHostUp: boolean;
  /** What the clock of the process differs from the clock of the world, by stalls and jumps. */
  clockOffsetMs: number;
  /** What the wall clock, which gives the incarnation, is wrong by. */
  wallOffsetMs: number;
  /** Undefined if the process runs. */
  stalledSinceMs: number | undefined;
  /** What has arrived during a stall. */
  readonly inbox: Input[];
  inboxBytes: number;
  /** Timers whose time came during a stall. */
  readonly overdue: PendingTimer[];
}

export function newMachine<Node extends Protocol>(index: number): Machine<Node> {
  return {
    ...{ index, node: undefined, life: 0, isHostUp: true, clockOffsetMs: 0, wallOffsetMs: 0 },
    ...{ stalledSinceMs: undefined, inbox: [], inboxBytes: 0, overdue: [] },
  };
}

/** What the kernel counts for a packet in a socket's buffer beside its bytes. */
const packetOverheadBytes = 512;

/** Keeps a packet for later; false if the buffer of the socket is full, and it is lost. */
export function keepPacket(
  machine: Machine<Protocol>,
  input: Input,
  bytes: number,
  boundBytes: number,
): boolean {
  const cost = bytes + packetOverheadBytes;
  if (machine.inboxBytes + cost > boundBytes) return false;
  machine.inboxBytes += cost;
  machine.inbox.push(input);
  return true;
}
