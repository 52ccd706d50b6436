import { describe, expect, test } from "bun:test";
import { gaveUp } from "../../../scripts/trials/check/answers.ts";
import { checkHistory } from "../../../scripts/trials/check/check-history.ts";
import { type FinalEntry, type History, movedName } from "../../../scripts/trials/check/history.ts";
import {
  acknowledgement,
  checkpoint,
  contextId,
  copy,
  entries,
  entry,
  history,
  historyWith,
  sent,
  status,
  unacknowledged,
  watch,
} from "./history-of.ts";

const [x, y, z] = entries;
const other = (seen: FinalEntry): FinalEntry => ({ ...seen, contentHash: entry("other", 1).contentHash });
const moved = (payload: string, from: number, to: number): FinalEntry =>
  entry(payload, to, { [movedName]: `${from} 1 1 00` });

describe("checkHistory() finds nothing in", () => {
  test.each<[string, History]>([
    ["a history that is as promised", history()],
    ["a history with nothing in it", historyWith([])],
    [
      "an entry without acknowledgement that is there",
      historyWith(entries, { sent: [sent(x), sent(y), unacknowledged("z")] }),
    ],
    [
      "an entry without acknowledgement that is not there",
      historyWith(entries, { sent: [...entries.map((each) => sent(each)), unacknowledged("never")] }),
    ],
    [
      "a watch that was broken and went on",
      historyWith(entries, {
        watches: [
          {
            node: "a",
            contextId,
            events: [
              ...watch("a", [x]).events,
              { kind: "broken", why: "ended", atMs: 0 },
              ...watch("a", [y, z]).events,
            ],
          },
        ],
      }),
    ],
    [
      "entries that overlap in time and stand in the other order",
      historyWith(
        [y, x].map(({ payload }, i) => entry(payload, i + 1)),
        {
          sent: [
            sent(entry("x", 2), { firstSentMs: 1 }),
            sent(entry("y", 1), { firstSentMs: 2, acknowledged: acknowledgement(entry("y", 1), 50) }),
          ],
        },
      ),
    ],
    [
      "a superseded history under 1, its entries moved in order, and watchers with one reset",
      historyWith([x, entry("q", 2), moved("y", 2, 3), moved("z", 3, 4)], {
        writeCopies: "1",
        resetsMax: 1,
        sent: [...entries.map((each) => sent(each)), sent(entry("q", 2))],
        watches: [watch("a", [x, y, z, 1, entry("q", 2), moved("y", 2, 3), moved("z", 3, 4)])],
      }),
    ],
    [
      "a repeat that is answered with the same entry",
      history({
        repeats: [
          {
            ...{ contextId, payload: "x", first: acknowledgement(x, 1) },
            again: { ...acknowledgement(x, 9), duplicate: true },
          },
        ],
      }),
    ],
  ])("%s", (_, good) => {
    expect(checkHistory(good)).toEqual([]);
  });
});

describe("checkHistory() finds", () => {
  test.each<[string, History, string]>([
    [
      "an acknowledged entry that is lost",
      historyWith([x, y], { sent: entries.map((each) => sent(each)) }),
      "c: entry id of z (z), acknowledged by a at 3, is lost",
    ],
    [
      "an entry under an acknowledged id with another payload",
      historyWith([x, { ...y, payload: "x2" }], { sent: [sent(x), sent(y), unacknowledged("x2")] }),
      "has another payload: x2",
    ],
    [
      "a payload that is there twice",
      historyWith([x, y, { ...entry("y", 3), id: "id of another" }], { sent: [sent(x), sent(y)] }),
      "payload y is there 2 times, at 2, 3",
    ],
    [
      "an id that is there twice",
      historyWith([x, { ...entry("y", 2), id: x.id }], { sent: [sent(x), unacknowledged("y")] }),
      "id id of x is there 2 times, at 1, 2",
    ],
    [
      "an entry that nobody sent",
      historyWith(entries, { sent: [sent(x), sent(y)] }),
      "nobody sent entry 3 (z)",
    ],
    [
      "a batch of which a part is missing",
      historyWith([x], {
        sent: [sent(x, { batch: "1" }), { ...unacknowledged("y"), batch: "1" }],
      }),
      "batch 1 of 2 entries is cut: they are at 1",
    ],
    [
      "a batch with another entry in its midst",
      historyWith(entries, { sent: [sent(x, { batch: "1" }), sent(y), sent(z, { batch: "1" })] }),
      "batch 1 of 2 entries is cut: they are at 1, 3",
    ],
    [
      "a copy that is shorter",
      history({ finals: [copy("a", entries), copy("b", [x, y]), copy("c", entries)] }),
      "c: b and a differ from sequence 3 on (2 and 3 entries)",
    ],
    [
      "copies that differ in the middle",
      history({ finals: [copy("a", entries), copy("b", [x, other(y), z])] }),
      "c: b and a differ from sequence 2 on (3 and 3 entries)",
    ],
    ["a context without any copy", history({ finals: [] }), "c: no node has a copy"],
    [
      "a root that is not that of the entries",
      history({ finals: [{ ...copy("a", entries), root: copy("a", [x]).root }] }),
      "is not that of its 3 entries",
    ],
    [
      "a node that gives no root",
      history({ finals: [{ ...copy("a", entries), root: undefined }] }),
      "c at a: it gives no root",
    ],
    [
      "a gap in a copy",
      historyWith([x, entry("y", 3)], { sent: [sent(x), unacknowledged("y")], watches: [] }),
      "sequence 3 is not one above the one before",
    ],
    [
      "a hash that is not that of the content",
      history({ finals: [copy("a", [x, { ...y, hashFits: false }, z])] }),
      "the hash of entry 2 is not that of its content",
    ],
    [
      "an acknowledged entry at another sequence",
      historyWith([x, entry("z", 2), entry("y", 3)], {
        sent: [sent(x), sent(y), unacknowledged("z")],
      }),
      "was acknowledged by a at sequence 2 and is at 3",
    ],
    [
      "an acknowledged entry with another hash",
      historyWith([x, other(y)], { sent: [sent(x), sent(y)] }),
      "at 2 with hash",
    ],
    [
      "an entry that a watcher saw and that was replaced, under majority",
      history({ watches: [watch("a", [x, entry("q", 2)])] }),
      "a watcher at a was sent entry id of q at 2, now id of y is there",
    ],
    [
      "an entry that a reader saw and that vanished",
      history({
        reads: [
          { node: "b", contextId, atMs: 0, minSequence: 0, latestSequence: 4, entries: [entry("q", 4)] },
        ],
      }),
      "a reader at b saw entry id of q at 4, which vanished",
    ],
    [
      "an entry that vanished, under 1",
      history({ writeCopies: "1", resetsMax: 1, watches: [watch("a", [x, entry("q", 2), 1, y, z])] }),
      "a watcher at a was sent entry id of q at 2, which vanished",
    ],
    [
      "an entry that stands before one that was acknowledged before it was sent",
      historyWith([entry("y", 1), entry("x", 2)], {
        sent: [
          sent(entry("x", 2), { firstSentMs: 1, acknowledged: acknowledgement(entry("x", 2), 3) }),
          sent(entry("y", 1), { firstSentMs: 4, acknowledged: acknowledgement(entry("y", 1), 6) }),
        ],
      }),
      "y is at 1, but x, which was acknowledged before it was sent, is at 2",
    ],
    [
      "entries of one superseded history that changed their order, under 1",
      historyWith([x, entry("q", 2), moved("z", 3, 3), moved("y", 2, 4)], {
        writeCopies: "1",
        resetsMax: 1,
        sent: [...entries.map((each) => sent(each)), sent(entry("q", 2))],
        watches: [watch("a", [x, y, z, 1, entry("q", 2), moved("z", 3, 3), moved("y", 2, 4)])],
      }),
      "y stood before z in one history, and after it once both were moved",
    ],
    [
      "an acknowledgement with too few copies",
      history({
        sent: [sent(x, { acknowledged: { ...acknowledgement(x, 15), copies: 1 } }), sent(y), sent(z)],
      }),
      "1 was acknowledged with 1 of 3 copies, not 2",
    ],
    [
      "an acknowledgement with too few copies, under all",
      history({ writeCopies: "all" }),
      "1 was acknowledged with 2 of 3 copies, not 3",
    ],
    [
      "a read without what it had to have",
      history({
        reads: [{ node: "b", contextId, atMs: 0, minSequence: 3, latestSequence: 2, entries: [] }],
      }),
      "b was asked for sequence 3 at least and answered as of 2",
    ],
    [
      "an entry that is refused even after healing",
      history({
        sent: [...entries.map((each) => sent(each)), unacknowledged("late", ["UNAVAILABLE", gaveUp])],
      }),
      "late was never acknowledged",
    ],
    [
      "a repeat that became a second entry",
      history({
        repeats: [{ contextId, payload: "x", first: acknowledgement(x, 1), again: acknowledgement(y, 9) }],
      }),
      "made entry id of y of it",
    ],
    [
      "a repeat that is not called a duplicate",
      history({
        repeats: [{ contextId, payload: "x", first: acknowledgement(x, 1), again: acknowledgement(x, 9) }],
      }),
      "did not call it a duplicate",
    ],
    [
      "a watcher that misses the end",
      history({ watches: [watch("b", [x, y])] }),
      "a watcher at b was not sent the entry at 3 of 3",
    ],
    ["a gap in a watch", history({ watches: [watch("b", [x, z])] }), "a watcher at b was sent 3 after 1"],
    [
      "an entry that a watcher was sent twice",
      history({ watches: [watch("b", [x, y, y, z])] }),
      "a watcher at b was sent 2 after 2",
    ],
    [
      "a reset under majority",
      history({ watches: [watch("b", [x, y, 1, y, z])] }),
      "was reset 1 times, which must not be",
    ],
    [
      "more resets than there were merges, under 1",
      history({ writeCopies: "1", resetsMax: 1, watches: [watch("b", [x, 0, x, 0, x, y, z])] }),
      "was reset 2 times, not 1",
    ],
    [
      "a reset to what the watcher never had",
      history({ writeCopies: "1", resetsMax: 1, watches: [watch("b", [x, 2, y, z])] }),
      "was reset to 2 and had only 1 entries",
    ],
    [
      "a signed root that is not that of the history",
      history({ checkpoints: [{ ...checkpoint(2), root: checkpoint(1).root }] }),
      "c: b signed size 2 with the root",
    ],
    [
      "a signed size that is not reached",
      history({ checkpoints: [{ ...checkpoint(3), treeSize: 4 }] }),
      "but there are 3 entries",
    ],
    [
      "a status that does not call copies equal",
      history({ statuses: [status({ isEqual: false })] }),
      "the status at a does not say that the copies are equal",
    ],
    ["forks under majority", history({ statuses: [status({ forks: 1 })] }), "counts 1 forks"],
    [
      "an archive that is not settled",
      history({ statuses: [status({ pendingArchives: 2 })] }),
      "counts 2 archives that are not settled",
    ],
    [
      "too few holders",
      history({ statuses: [status({ holders: status().holders.slice(1) })] }),
      "names only 2 holders of 3 nodes",
    ],
    [
      "a holder that lags, in a status",
      history({
        statuses: [status({ holders: status().holders.map((h) => ({ ...h, committedSequence: 2 })) })],
      }),
      "gives a 3 entries, 2 committed, of 3",
    ],
    [
      "a holder with another root, in a status",
      history({ statuses: [status({ holders: status().holders.map((h) => ({ ...h, root: "r" })) })] }),
      "gives a the root r, not",
    ],
  ])("%s", (_, bad, finding) => {
    expect(checkHistory(bad)).toContainEqual(expect.stringContaining(finding));
  });
});

test("checkHistory() tells a few of many findings of one kind", () => {
  const many = Array.from({ length: 20 }, (_, i) => entry(`e${i}`, i + 1));
  const found = checkHistory(
    historyWith([], { sent: many.map((each) => sent(each)), finals: [copy("a", [])] }),
  );
  expect(found).toHaveLength(6);
  expect(found.at(-1)).toBe("... and 15 more of the last kind");
});
