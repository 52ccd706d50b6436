import { type Endpoint, sameEndpoint } from "./endpoint.ts";

interface Move {
  readonly from: Endpoint;
  readonly untilMs: number;
}

/**
 * Members that came to be somewhere else a moment ago, after they were said to be dead or to have left. Whoever is still
 * where one of them was may say so: else somebody who lies about a death could keep the name of a member that lives.
 */
export class Moves {
  readonly #moves = new Map<number, Move>();

  /** Takes note that a member is at `to` now. Returns where it may still be, undefined if that is where it is again. */
  moved(
    slot: number,
    place: { from: Endpoint; to: Endpoint },
    times: { nowMs: number; forMs: number },
  ): Endpoint | undefined {
    const { nowMs, forMs } = times;
    // Who moves on and on was at first where it was before the first of these moves.
    const move = this.#recent(slot, nowMs) ?? { from: place.from, untilMs: nowMs + forMs };
    this.#moves.delete(slot);
    if (sameEndpoint(move.from, place.to)) return undefined;
    this.#moves.set(slot, move);
    return move.from;
  }

  /** Tells if a member was at `endpoint` a moment ago. */
  wasAt(slot: number, endpoint: Endpoint, nowMs: number): boolean {
    const move = this.#recent(slot, nowMs);
    return move !== undefined && sameEndpoint(move.from, endpoint);
  }

  /** Takes note that a slot is used no more. */
  removed(slot: number): void {
    this.#moves.delete(slot);
  }

  #recent(slot: number, nowMs: number): Move | undefined {
    const move = this.#moves.get(slot);
    return move !== undefined && nowMs <= move.untilMs ? move : undefined;
  }
}
