import type { FinalEntry, History, Seen, Watch } from "./history.ts";
import { few, referenceOf } from "./reference.ts";

/**
 * Every watcher was sent every entry once and in order. Where histories may be superseded it may have been sent resets,
 * after each of which everything followed.
 */
export function watchViolations(history: History): readonly string[] {
  return few(
    history.watches.flatMap((watch) => {
      const final = referenceOf(history, watch.contextId)?.entries ?? [];
      const who = `${watch.contextId}: a watcher at ${watch.node}`;
      return violationsOf(watch, final, history.resetsMax).map((violation) => `${who} ${violation}`);
    }),
  );
}

function violationsOf(watch: Watch, final: readonly FinalEntry[], resetsMax: number): readonly string[] {
  const found: string[] = [];
  const view: Seen[] = [];
  let resets = 0;
  for (const event of watch.events) {
    if (event.kind === "broken") continue;
    if (event.kind === "reset") {
      resets += 1;
      if (event.sequence > view.length)
        found.push(`was reset to ${event.sequence} and had only ${view.length} entries`);
      view.length = Math.min(view.length, event.sequence);
      continue;
    }
    const { sequence } = event.entry;
    if (sequence !== view.length + 1) found.push(`was sent ${sequence} after ${view.length}`);
    view.length = Math.min(view.length, sequence - 1);
    view[sequence - 1] = event.entry;
  }
  if (resets > resetsMax)
    found.push(`was reset ${resets} times, ${resetsMax === 0 ? "which must not be" : `not ${resetsMax}`}`);
  const at = final.findIndex(({ contentHash }, i) => view[i]?.contentHash !== contentHash);
  if (at >= 0)
    found.push(
      `${view.length > at ? "has another entry" : "was not sent the entry"} at ${at + 1} of ${final.length}`,
    );
  else if (view.length > final.length)
    found.push(`has ${view.length} entries, but there are ${final.length}`);
  return found;
}
