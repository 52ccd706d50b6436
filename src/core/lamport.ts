/**
 * Lamport's logical clock: local events count up, received times pull it forward.
 * L. Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", 1978.
 *
 * @module
 */

import { LedgerError } from "./errors.ts";
import { limits } from "./limits.ts";

/** Returns the time of the next local event. Throws OUT_OF_RANGE at the end of the range. */
export function tick(clock: bigint): bigint {
  return inRange(clock + 1n);
}

/**
 * Returns the time of an event caused by a message of time `received`: max(clock, received) + 1.
 * Throws INVALID_ARGUMENT if `received` is out of range or too far above `clock`, so that one bad
 * peer cannot use the range up.
 */
export function receive(clock: bigint, received: bigint): bigint {
  if (received < 0n || received > limits.lamportMax) {
    throw new LedgerError("INVALID_ARGUMENT", `received_lamport ${received} is not between 0 and 2^62`, {
      reason: "RECEIVED_LAMPORT_OUT_OF_RANGE",
      field: "received_lamport",
      value: received,
      limit: limits.lamportMax,
      remedy: "send the Lamport time of an entry you received",
    });
  }
  if (received - clock > limits.lamportJumpMax) {
    throw new LedgerError(
      "INVALID_ARGUMENT",
      `received_lamport ${received} is more than 2^40 above the context's clock ${clock}`,
      {
        reason: "RECEIVED_LAMPORT_JUMP",
        field: "received_lamport",
        value: received,
        limit: clock + limits.lamportJumpMax,
        remedy: "check that the sender's clock is a Lamport time and not a wall-clock time",
      },
    );
  }
  return inRange((received > clock ? received : clock) + 1n);
}

function inRange(time: bigint): bigint {
  if (time <= limits.lamportMax) return time;
  throw new LedgerError("OUT_OF_RANGE", "the context's Lamport clock has reached 2^62", {
    reason: "LAMPORT_EXHAUSTED",
    limit: limits.lamportMax,
    remedy: "continue in a new context",
  });
}
