/**
 * Whatever bytes come between nodes, they are read, or refused with a typed error; no input ends the process, and nothing
 * is read that is not within its bounds.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LedgerError } from "../../src/core/errors.ts";
import { limits } from "../../src/core/limits.ts";
import { readAnswer, readRequest, writeAnswer, writeRequest } from "../../src/node/peers/codec.ts";
import { readError } from "../../src/node/peers/error-codec.ts";
import { readFrames } from "../../src/node/peers/frame.ts";
import { Handshake } from "../../src/node/peers/handshake.ts";
import { encodeHello, readOpening } from "../../src/node/peers/hello.ts";
import { RecordReader } from "../../src/node/peers/record-reader.ts";
import { emptyKeyring } from "../../src/swim/wire/keyring.ts";
import type { PeerCallKind } from "../../src/sync/peer-messages.ts";
import { sampleAnswers, sampleRequests } from "../node/peers/sample-messages.ts";

const kinds = Object.keys(sampleRequests) as PeerCallKind[];
const damage = fc.array(fc.record({ at: fc.nat(), drop: fc.nat(6), put: fc.uint8Array({ maxLength: 4 }) }), {
  minLength: 1,
  maxLength: 4,
});

function damaged(
  message: Uint8Array,
  places: readonly { at: number; drop: number; put: Uint8Array }[],
): Uint8Array {
  const bytes = places.reduce<Uint8Array>((before, { at, drop, put }) => {
    const start = at % (before.length + 1);
    return Buffer.concat([before.subarray(0, start), put, before.subarray(start + drop)]);
  }, message);
  return new Uint8Array(bytes);
}

/** Returns what `read` returns; undefined if it refuses. Anything but a LedgerError with a field is thrown. */
function refusable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof LedgerError && error.facts.field !== undefined) return undefined;
    throw error;
  }
}

describe.each(kinds)("%s", (kind) => {
  const requests = sampleRequests[kind].map((one) => writeRequest(kind, one as never));
  const answers = sampleAnswers[kind].map((one) => writeAnswer(kind, one as never));

  test("requests that are damaged, or garbage, are read or refused, and what is read can travel again", () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.constantFrom(...requests), damage).map(([bytes, places]) => damaged(bytes, places)),
    );
    fc.assert(
      fc.property(message, (bytes) => {
        const request = refusable(() => readRequest(kind, bytes));
        if (request === undefined) return;
        expect(readRequest(kind, writeRequest(kind, request)) as unknown).toEqual(request);
      }),
      { numRuns: 500 },
    );
  });

  test("answers that are damaged, or garbage, are read or refused, and what is read can travel again", () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.constantFrom(...answers), damage).map(([bytes, places]) => damaged(bytes, places)),
    );
    fc.assert(
      fc.property(message, (bytes) => {
        const answer = refusable(() => readAnswer(kind, bytes));
        if (answer === undefined) return;
        expect(readAnswer(kind, writeAnswer(kind, answer)) as unknown).toEqual(answer);
      }),
      { numRuns: 500 },
    );
  });
});

test("readError() makes an error of anything", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(readError(bytes)).toBeInstanceOf(LedgerError);
    }),
    { numRuns: 3000 },
  );
});

test("RecordReader and readFrames() find in any bytes no more than there is", () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 });
  const small = fc.array(
    fc
      .tuple(fc.nat(30), fc.uint8Array({ maxLength: 30 }))
      .map(([length, rest]) => Uint8Array.of(0, 0, 0, length, ...rest)),
  );
  fc.assert(
    fc.property(fc.oneof(pieces, small), (chunks) => {
      let bytes = 0;
      const reader = new RecordReader((record) => {
        expect(record.length).toBeWithin(1, limits.peerRecordBytesMax + 1);
        bytes += record.length + 4;
        let framed = 0;
        const isWhole = readFrames(record, ({ id, body }) => {
          framed += body.length + 13;
          expect(Number.isSafeInteger(id)).toBe(true);
        });
        expect(isWhole ? framed : Math.min(framed, record.length)).toBe(isWhole ? record.length : framed);
      });
      for (const chunk of chunks) if (!reader.read(chunk)) break;
      expect(bytes).toBeLessThanOrEqual(chunks.reduce((sum, { length }) => sum + length, 0));
    }),
    { numRuns: 3000 },
  );
});

describe("Handshake", () => {
  const ids = ["a", "b"].map((digit) => digit.repeat(32)) as [string, string];
  const hello = encodeHello({
    ...{ versions: { min: 1, max: 1 }, nodeId: ids[0], to: ids[1], random: new Uint8Array(32) },
    ...{ keyId: "0123456789abcdef", label: "label" },
  });
  const opening = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    damage.map((places) => damaged(hello, places)),
  );

  test("readOpening() reads any bytes or says that they are none", () => {
    fc.assert(
      fc.property(opening, (bytes) => {
        const read = readOpening(bytes);
        if (read.kind !== "hello") return;
        expect(readOpening(encodeHello(read.hello))).toMatchObject({ kind: "hello", hello: read.hello });
      }),
      { numRuns: 5000 },
    );
  });

  test("both sides fail at any bytes, or wait for more, and prove nothing to who proves nothing", () => {
    const self = { nodeId: ids[1], versions: { min: 1, max: 1 }, label: "label", ring: emptyKeyring };
    fc.assert(
      fc.property(fc.array(opening, { minLength: 1, maxLength: 4 }), fc.boolean(), (chunks, dials) => {
        const random = new Uint8Array(32).fill(1);
        const handshake = new Handshake(
          dials ? "dialer" : "acceptor",
          self,
          random,
          ...(dials ? [ids[0]] : []),
        );
        if (dials) handshake.begin();
        for (const chunk of chunks) {
          const step = handshake.receive(chunk);
          expect(step.kind).not.toBe("done");
          if (step.kind === "failed") return;
        }
      }),
      { numRuns: 3000 },
    );
  });
});
