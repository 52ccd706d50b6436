import type { Store } from "./ports.ts";
import { isDamage } from "./verification-page.ts";
import type { Verdict } from "./verification-rows.ts";

/** What is wrong with finding entries by their key. */
export interface KeyFindings {
  /** By sequence. */
  readonly misplaced: ReadonlyMap<number, string>;
  /** Why it cannot be told of all of them. */
  readonly unreadable: string | undefined;
}

/** Checks that entries that follow each other are found under their own key and no other of these. One read for each key. */
export async function checkKeys(
  store: Pick<Store, "read">,
  log: number,
  verdicts: readonly Verdict[],
): Promise<KeyFindings> {
  const misplaced = new Map<number, string>();
  const first = verdicts[0]?.sequence ?? 1;
  const through = verdicts.at(-1)?.sequence ?? 0;
  const sequencesByKey = new Map<string, Set<number>>();
  for (const { content, sequence } of verdicts) {
    if (content === undefined) continue;
    const sequences = sequencesByKey.get(content.key) ?? new Set();
    sequencesByKey.set(content.key, sequences.add(sequence));
  }
  try {
    for (const [key, expected] of sequencesByKey) {
      const range = { log, after: first - 1, through, key };
      const entriesMax = verdicts.length;
      const rows = await store.read({ ...range, entriesMax, bytesMax: Number.MAX_SAFE_INTEGER });
      const found = new Set(rows.map(({ sequence }) => sequence));
      for (const sequence of found.difference(expected))
        misplaced.set(sequence, "it is found under a key that is not its own");
      for (const sequence of expected.difference(found))
        misplaced.set(sequence, "it is not found under its key");
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { misplaced, unreadable: `entries cannot be found by their key: ${error.message}` };
  }
  return { misplaced, unreadable: undefined };
}
