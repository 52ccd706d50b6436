import { describe, expect, test } from "bun:test";
import { sampleAppend, sampleHead, sampleRows } from "./sample-rows.ts";
import { openWriter } from "./open-writer.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

describe("CommitWriter", () => {
  test("remembers what was staged until it is published or discarded", () => {
    using directory = temporaryDirectory();
    using open = openWriter(directory.path);
    const staged = () => open.number("SELECT count(*) FROM staging");
    const [first, second] = [open.newLog(), open.newLog()];
    open.commit({ rows: [...sampleRows(first, 1, 3), ...sampleRows(second, 1, 3)], heads: [] });
    expect(staged()).toBe(2);
    open.commit({ rows: [], heads: [{ contextId: "c", from: undefined, to: sampleHead(first, 2) }] });
    expect(staged()).toBe(2); // one row of the first log is still uncovered
    open.commit({
      rows: [],
      heads: [{ contextId: "c", from: sampleHead(first, 2), to: sampleHead(first, 3) }],
    });
    expect(staged()).toBe(1);
    open.writer.discard(second, 0);
    expect(staged()).toBe(0);
    expect(open.number("SELECT count(*) FROM entry")).toBe(3);
  });

  test("remembers the log that a context left, until it is discarded", () => {
    using directory = temporaryDirectory();
    using open = openWriter(directory.path);
    const [old, fresh] = [open.newLog(), open.newLog()];
    open.commit(sampleAppend("c", undefined, old, 4));
    open.commit({
      rows: sampleRows(fresh, 1, 5),
      heads: [{ contextId: "c", from: sampleHead(old, 4), to: sampleHead(fresh, 5) }],
    });
    expect(open.number("SELECT log FROM staging")).toBe(old);
    open.writer.discard(old, 0);
    expect(open.number("SELECT count(*) FROM staging")).toBe(0);
    expect(open.number("SELECT count(*) FROM entry")).toBe(5);
  });

  test("discards what an earlier instance left, and nothing else", () => {
    using directory = temporaryDirectory();
    {
      using open = openWriter(directory.path);
      const [kept, extended, lost] = [open.newLog(), open.newLog(), open.newLog()];
      open.commit(sampleAppend("kept", undefined, kept, 10));
      open.commit(sampleAppend("extended", undefined, extended, 10));
      open.commit({ rows: sampleRows(extended, 11, 700), heads: [] });
      open.commit({ rows: sampleRows(lost, 1, 700, { id: "x" }), heads: [] });
    }
    using open = openWriter(directory.path);
    const live = open.newLog();
    open.commit({ rows: sampleRows(live, 1, 5), heads: [] });
    let steps = 1;
    while (open.writer.discardOrphans()) steps += 1;
    expect(steps).toBe(6);
    expect(open.number("SELECT count(*) FROM entry")).toBe(25);
    expect(open.number("SELECT count(*) FROM staging")).toBe(1);
    expect(open.number("SELECT log FROM staging")).toBe(live);
    open.commit({ rows: [], heads: [{ contextId: "live", from: undefined, to: sampleHead(live, 5) }] });
  });

  test("appends over rows that an earlier instance left and nobody discarded yet", () => {
    using directory = temporaryDirectory();
    const log = 1;
    {
      using open = openWriter(directory.path);
      open.commit(sampleAppend("c", undefined, open.newLog(), 2));
      open.commit({ rows: sampleRows(log, 3, 6, { key: "stale" }), heads: [] });
    }
    using open = openWriter(directory.path);
    const from = sampleHead(log, 2);
    open.commit({ rows: sampleRows(log, 3, 4), heads: [{ contextId: "c", from, to: sampleHead(log, 4) }] });
    while (open.writer.discardOrphans());
    expect(open.number("SELECT count(*) FROM entry")).toBe(4);
    expect(open.number("SELECT count(*) FROM entry WHERE key = CAST('stale' AS BLOB)")).toBe(0);
    expect(open.number("SELECT count(*) FROM staging")).toBe(0);
  });

  test("refuses to publish what an earlier instance staged", () => {
    using directory = temporaryDirectory();
    {
      using open = openWriter(directory.path);
      open.commit({ rows: sampleRows(open.newLog(), 1, 3), heads: [] });
    }
    using open = openWriter(directory.path);
    const heads = [{ contextId: "c", from: undefined, to: sampleHead(1, 3) }];
    expect(() => open.commit({ rows: [], heads })).toThrow(
      /rows 1 to 3 were not written since this store was opened/,
    );
    expect(() => open.commit({ rows: sampleRows(1, 4, 5), heads: [] })).toThrow(
      /rows 1 to 3 were not written/,
    );
    expect(open.number("SELECT count(*) FROM context")).toBe(0);
  });

  test("deletes large rows in smaller steps", () => {
    using directory = temporaryDirectory();
    using open = openWriter(directory.path);
    const log = open.newLog();
    open.commit({ rows: sampleRows(log, 1, 5, { wireBytes: 1024 * 1024 }), heads: [] });
    expect(open.writer.discard(log, 0)).toBe(true);
    expect(open.number("SELECT count(*) FROM entry")).toBe(3);
    expect(open.writer.discard(log, 0)).toBe(true);
    expect(open.writer.discard(log, 0)).toBe(false);
  });
});

describe("the schema", () => {
  test.each([
    [
      "a page of entries",
      "SELECT wire FROM entry WHERE log = ? AND sequence > ? ORDER BY sequence",
      "entry_by_sequence (log=? AND sequence>?)",
    ],
    [
      "a page of a key",
      "SELECT wire FROM entry WHERE log = ? AND key = ? AND sequence > ? ORDER BY sequence",
      "entry_by_key (log=? AND key=? AND sequence>?)",
    ],
    [
      "an entry by its id",
      "SELECT wire FROM entry WHERE log = ? AND id = ? AND sequence <= ? ORDER BY sequence",
      "entry_by_id (log=? AND id=? AND sequence<?)",
    ],
  ])("finds %s by one index, without sorting", (_name, sql, index) => {
    using directory = temporaryDirectory();
    using open = openWriter(directory.path);
    const statement = open.db.prepare(`EXPLAIN QUERY PLAN ${sql}`);
    const plan = statement.values().map((row) => row[3]);
    statement.finalize();
    expect(plan).toEqual([`SEARCH entry USING INDEX ${index}`]);
  });
});
