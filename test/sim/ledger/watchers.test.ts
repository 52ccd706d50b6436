import { describe, expect, test } from "bun:test";
import { story, type StoryResult } from "./story.ts";

const limitMs = 120_000;
const seeds = [201, 202, 203, 206, 207, 208];
/** What else can be wrong is told by other tests. */
const kinds = /^(watcher|checkpoint|fork records):/;

function told(seed: number, writeCopies: "1" | "majority"): Promise<StoryResult> {
  const rules = { replicas: 3, writeCopies };
  return story({ seed, nodes: 5, operations: 200, contexts: 3, rules });
}

function ofKinds({ violations }: StoryResult): string[] {
  return violations.filter((violation) => kinds.test(violation));
}

describe("watchers and auditors of a cluster in which everything fails", () => {
  test(
    "with one copy see every entry, or one reset and then everything after it",
    async () => {
      let resets = 0;
      let generations = 1;
      for (const seed of seeds) {
        const result = await told(seed, "1");
        expect({ seed, violations: ofKinds(result) }).toEqual({ seed, violations: [] });
        resets += result.resets;
        generations = Math.max(generations, result.generations);
      }
      // Else nothing was shown.
      expect(resets).toBeGreaterThan(0);
      expect(generations).toBeGreaterThan(1);
    },
    limitMs,
  );

  test(
    "with a majority see every entry and no reset",
    async () => {
      for (const seed of seeds) {
        const result = await told(seed, "majority");
        const violations = ofKinds(result);
        expect({ seed, violations, resets: result.resets }).toEqual({ seed, violations: [], resets: 0 });
      }
    },
    limitMs,
  );

  test(
    "see the same if the seed is the same",
    async () => {
      expect(await told(3, "1")).toEqual(await told(3, "1"));
    },
    limitMs,
  );
});
