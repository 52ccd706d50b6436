import type { Member, MemberChange } from "../core/member.ts";
import type { Cluster } from "./cluster.ts";
import { PendingChanges } from "./pending-changes.ts";
import { throwReason } from "./throw-reason.ts";

/** What a watch of the members brings. */
export type MemberEvent =
  /** As it was when the watch began. */
  | { readonly kind: "member"; readonly member: Member }
  | { readonly kind: "complete" }
  | { readonly kind: "change"; readonly change: MemberChange }
  | { readonly kind: "heartbeat" };

/**
 * Iterates over the members as they are, and then over their changes, at the pace of the consumer: what it has not taken
 * is kept once for each member. Ends when `signal` fires, and throws its reason if the client is to be told.
 */
export async function* memberStream(
  cluster: Pick<Cluster, "members" | "onChange">,
  heartbeatMs: number,
  signal: AbortSignal,
): AsyncGenerator<MemberEvent> {
  const members = cluster.members();
  const pending = new PendingChanges(members.map(({ name }) => name));
  let wake = (): void => {};
  const unsubscribe = cluster.onChange((change) => {
    pending.put(change);
    wake();
  });
  // A consumer that is gone may never ask again.
  const aborted = (): void => {
    unsubscribe();
    wake();
  };
  signal.addEventListener("abort", aborted);
  try {
    for (const member of members) {
      if (signal.aborted) break;
      yield { kind: "member", member };
    }
    if (!signal.aborted) yield { kind: "complete" };
    while (!signal.aborted) {
      const change = pending.take();
      if (change !== undefined) {
        yield { kind: "change", change };
        continue;
      }
      const silence = Promise.withResolvers<"silent" | "woken">();
      wake = () => silence.resolve("woken");
      const timer = heartbeatMs === 0 ? undefined : setTimeout(() => silence.resolve("silent"), heartbeatMs);
      const how = await silence.promise;
      clearTimeout(timer);
      wake = () => {};
      if (how === "silent") yield { kind: "heartbeat" };
    }
    throwReason(signal);
  } finally {
    signal.removeEventListener("abort", aborted);
    unsubscribe();
  }
}
