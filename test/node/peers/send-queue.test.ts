import { describe, expect, test } from "bun:test";
import { frameKind, readFrames } from "../../../src/node/peers/frame.ts";
import { RecordReader } from "../../../src/node/peers/record-reader.ts";
import { SendQueue } from "../../../src/node/peers/send-queue.ts";

const room = { before: 4, after: 16 };
const none = new Uint8Array(0);

/** Takes all records out of a queue, and tells of each frame in them: kind, id, bytes. */
function drain(queue: SendQueue): string[][] {
  const records: string[][] = [];
  for (let record = queue.next(room); record !== undefined; record = queue.next(room)) {
    const frames: string[] = [];
    const isWhole = readFrames(
      record.subarray(room.before, record.length - room.after),
      ({ kind, id, body }) => {
        frames.push(`${kind} ${id} ${body.length}`);
      },
    );
    expect(isWhole).toBe(true);
    records.push(frames);
  }
  return records;
}

describe("SendQueue", () => {
  test("puts what fits into one record, urgent frames first", () => {
    const queue = new SendQueue();
    queue.push({ kind: frameKind.request, id: 1, prefix: new Uint8Array(5), bytes: new Uint8Array(10) });
    queue.push({ kind: frameKind.end, id: 2, prefix: none });
    queue.pushUrgent({ kind: frameKind.ping, id: 3, prefix: none });
    expect(queue.messages).toBe(3);
    expect(drain(queue)).toEqual([["10 3 0", "1 1 19", "8 2 0"]]);
    expect([queue.messages, queue.unsentBytes]).toEqual([0, 0]);
  });

  test("lets messages take turns, and keeps the order within an id", () => {
    const queue = new SendQueue();
    const item = (id: number, bytes: number): void =>
      queue.push({ kind: frameKind.item, id, prefix: none, bytes: new Uint8Array(bytes) });
    item(1, 100_000);
    item(1, 1);
    item(2, 3);
    const frames = drain(queue).flat();
    expect(frames.indexOf("6 2 7")).toBe(1);
    expect(frames.filter((frame) => frame.includes(" 1 "))).toEqual([
      ...["6 1 32772", "9 1 32731", "9 1 32768", "9 1 1733", "6 1 5"],
    ]);
  });

  test("forgets what is dropped, begun or not", () => {
    const queue = new SendQueue();
    queue.push({ kind: frameKind.answer, id: 1, prefix: none, bytes: new Uint8Array(200_000) });
    queue.push({ kind: frameKind.answer, id: 2, prefix: none, bytes: new Uint8Array(10) });
    queue.next(room);
    expect(queue.unsentBytes).toBeGreaterThan(100_000);
    queue.drop(1);
    queue.drop(1);
    queue.drop(7);
    expect(drain(queue).flat()).toEqual([]);
    expect([queue.messages, queue.unsentBytes]).toEqual([0, 0]);
  });
});

describe("RecordReader", () => {
  const records = [1, 3, 70_000, 2].map((length, index) => new Uint8Array(length).fill(index + 1));
  const stream = Buffer.concat(
    records.flatMap((record) => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(record.length);
      return [head, record];
    }),
  );

  test.each([1, 2, 3, 5, 1000, 70_003, 1 << 20])("finds the records in pieces of %p bytes", (size) => {
    const found: Uint8Array[] = [];
    const reader = new RecordReader((record) => found.push(record.slice()));
    for (let at = 0; at < stream.length; at += size)
      expect(reader.read(new Uint8Array(stream.subarray(at, at + size)))).toBe(true);
    expect(found).toEqual(records);
  });

  test.each([0, (1 << 20) + 1, 0xffff_ffff])("refuses a record of %p bytes", (length) => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    expect(new RecordReader(() => undefined).read(new Uint8Array(head))).toBe(false);
  });

  test("reports nothing after it was closed, even of what it is reading", () => {
    let found = 0;
    const reader = new RecordReader(() => {
      found += 1;
      reader.close();
    });
    reader.read(new Uint8Array(stream));
    expect(found).toBe(1);
  });
});
