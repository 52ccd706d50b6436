import { call, type Json, methods } from "../world/call.ts";
import { acknowledgementOf, Draft } from "./draft.ts";
import { type Load, pause } from "./load.ts";

/** One entry in so many is not repeated after a failure: whether it is there stays unknown. */
const abandonedInOneOf = 5;

/**
 * Appends one entry after the other through random nodes. What fails is repeated with its idempotency key through another
 * node until it is acknowledged, also after the load is over; a few entries are abandoned after one failure.
 */
export async function write(load: Load, writer: string, drafts: Draft[]): Promise<void> {
  for (let nth = 1; !load.over.aborted; nth += 1) {
    const draft = new Draft({
      writer,
      contextId: load.random.of(load.contexts),
      payload: `${writer}-${nth}`,
    });
    drafts.push(draft);
    await appendUntilAcknowledged(load, draft, load.random.between(0, abandonedInOneOf) === 0);
    await pause(load.random.between(0, 2 * load.pauseMs), load.over);
  }
}

async function appendUntilAcknowledged(load: Load, draft: Draft, isAbandoned: boolean): Promise<void> {
  for (;;) {
    if (await attempt(load, draft)) return;
    if (isAbandoned) return;
    await pause(load.random.between(50, 250), load.end);
    if (load.end.aborted) return draft.giveUp();
  }
}

/** Sends an entry once; tells whether it was acknowledged. */
async function attempt(load: Load, draft: Draft): Promise<boolean> {
  const { name, url } = load.random.of(load.targets());
  const request: Json = { contextId: draft.contextId, ...draft.fields };
  const outcome = await call({ url, method: methods.append, request, timeoutMs: load.attemptMs });
  if (outcome.ok) draft.acknowledged = acknowledgementOf(outcome.answer, name);
  else draft.failures.push(outcome.code);
  return outcome.ok;
}
