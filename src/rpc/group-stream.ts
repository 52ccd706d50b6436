import { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import type { GroupJoin, Groups, GroupSink } from "./groups.ts";
import { throwReason } from "./throw-reason.ts";

type SinkEvent = Parameters<GroupSink["event"]>[0];

/** What a stream of a member brings. */
export type GroupItem = SinkEvent | { readonly kind: "heartbeat" };

/**
 * Makes somebody a member, and iterates over what it hears until `signal` fires; throws its reason if the client is to be
 * told. A consumer that falls too far behind is cut: GROUP_MEMBER_TOO_SLOW. The member is gone when the iteration ends, however
 * it ends.
 */
export async function* groupStream(
  groups: Pick<Groups, "join">,
  join: GroupJoin,
  heartbeatMs: number,
  signal: AbortSignal,
): AsyncGenerator<GroupItem> {
  const unsent = new UnsentEvents();
  const seat = await groups.join(join, unsent, signal);
  const leave = (): void => {
    seat.leave();
    unsent.wake();
  };
  // A consumer that is gone may never ask again, and one that is too slow is no member while it catches up.
  signal.addEventListener("abort", leave);
  unsent.onCut = leave;
  if (signal.aborted || unsent.failure !== undefined) leave();
  try {
    while (!signal.aborted) {
      const event = unsent.take();
      if (event !== undefined) yield event;
      else if (unsent.failure !== undefined) throw unsent.failure;
      else if ((await unsent.waited(heartbeatMs)) === "silent") yield { kind: "heartbeat" };
    }
    throwReason(signal);
  } finally {
    signal.removeEventListener("abort", leave);
    seat.leave();
  }
}

/** What one stream has been told and its client has not taken; bounded. */
class UnsentEvents implements GroupSink {
  readonly #events: SinkEvent[] = [];
  #bytes = 0;
  #failure: LedgerError | undefined;
  #wake = (): void => {};
  /** Called once when the client is found to be too slow. */
  onCut = (): void => {};

  /** Why nothing more comes. */
  get failure(): LedgerError | undefined {
    return this.#failure;
  }

  event(event: SinkEvent): void {
    if (this.#failure !== undefined) return;
    this.#events.push(event);
    this.#bytes += bytesOf(event);
    if (this.#events.length > limits.groupUnsentEventsMax || this.#bytes > limits.groupUnsentBytesMax) {
      // What waits would only delay the news that there is a gap.
      this.#events.length = 0;
      this.ended(tooSlow());
      // Not now: whoever tells many of one event tells the others first.
      queueMicrotask(() => this.onCut());
    }
    this.wake();
  }

  ended(error: LedgerError): void {
    this.#failure ??= error;
    this.wake();
  }

  take(): SinkEvent | undefined {
    const event = this.#events.shift();
    if (event !== undefined) this.#bytes -= bytesOf(event);
    return event;
  }

  wake(): void {
    this.#wake();
  }

  /** Resolves when there is something to look at, or after so much silence; 0 means never. */
  async waited(silenceMs: number): Promise<"woken" | "silent"> {
    const { promise, resolve } = Promise.withResolvers<"woken" | "silent">();
    this.#wake = () => resolve("woken");
    const timer = silenceMs === 0 ? undefined : setTimeout(() => resolve("silent"), silenceMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#wake = () => {};
    }
  }
}

/** The list that comes first is bounded by the size of a group, not by what is unsent. */
function bytesOf(event: SinkEvent): number {
  return event.kind === "message" ? event.message.payload.length : 0;
}

function tooSlow(): LedgerError {
  const { groupUnsentEventsMax: events, groupUnsentBytesMax: bytes } = limits;
  const text = `the stream has fallen behind its group by more than ${events} events or ${bytes} bytes`;
  return new LedgerError("RESOURCE_EXHAUSTED", text, {
    reason: "GROUP_MEMBER_TOO_SLOW",
    limit: events,
    remedy: "join again with the same member_id, and read faster",
    retryAfterMs: 1000,
  });
}
