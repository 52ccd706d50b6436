import { expect, test } from "bun:test";
import { type ClusterSettings, settingsConflict } from "../../src/core/cluster-settings.ts";

const ours: ClusterSettings = { replicas: 3, writeCopies: "majority" };

test("settingsConflict() finds nothing in equal settings, nor in those that are not said", () => {
  for (const theirs of [ours, {}, { replicas: 3 }, { writeCopies: "majority" as const }])
    expect(settingsConflict(ours, theirs)).toBeUndefined();
});

test.each<[Partial<ClusterSettings>, string]>([
  [{ replicas: 5 }, "--replicas is 5 there and 3 here; to join it, start this node with --replicas 5"],
  [
    { ...ours, writeCopies: "all" },
    "--write-copies is all there and majority here; to join it, start this node with --write-copies all",
  ],
  [
    { replicas: 1, writeCopies: "1" },
    "--replicas is 1 there and 3 here, --write-copies is 1 there and majority here; to join it, start this node with --replicas 1 --write-copies 1",
  ],
])("settingsConflict() names both values of %j", (theirs, said) => {
  expect(settingsConflict(ours, theirs)).toBe(`its cluster has other settings: ${said}`);
});
