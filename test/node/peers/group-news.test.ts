import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "bun:test";
import * as proto from "../../../src/gen/converge/peer/v1/peer_pb.ts";
import {
  readGroupItem,
  readGroupOpen,
  writeGroupItem,
  writeGroupOpen,
} from "../../../src/node/peers/group-news-codec.ts";
import { WireWriter } from "../../../src/node/peers/wire-writer.ts";
import { sampleNews } from "./sample-messages.ts";

describe("a stream of groups", () => {
  test("is opened as the proto says", () => {
    const bytes = writeGroupOpen(2 ** 48);
    expect(readGroupOpen(bytes)).toBe(2 ** 48);
    expect(fromBinary(proto.GroupOpenSchema, bytes).session).toBe(2n ** 48n);
  });

  test("brings the same news, also as protobuf-es writes them", () => {
    const bytes = writeGroupItem(sampleNews);
    expect(readGroupItem(bytes)).toEqual(sampleNews);
    const message = fromBinary(proto.GroupItemSchema, bytes);
    expect(message.$unknown).toBeUndefined();
    expect(readGroupItem(toBinary(proto.GroupItemSchema, message))).toEqual(sampleNews);
    expect(readGroupItem(writeGroupItem([]))).toEqual([]);
  });

  test("passes over news of kinds that it does not know", () => {
    const news = new WireWriter()
      .message(1, (writer) => writer.text(1, "c").message(99, () => undefined))
      .message(1, (writer) =>
        writer
          .text(1, "c")
          .message(4, () =>
            writer.uint(1, 9).message(2, () => writer.text(1, "m").bytes(4, new Uint8Array(16))),
          ),
      )
      .message(1, (writer) => writer.text(1, "c").message(6, () => undefined));
    expect(readGroupItem(news.finish())).toEqual([{ kind: "moved", contextId: "c" }]);
  });

  test("refuses news of no group, and a change of nobody", () => {
    for (const write of [
      (writer: WireWriter) => writer.message(6, () => undefined),
      (writer: WireWriter) => writer.text(1, "c").message(4, () => writer.uint(1, 1)),
    ])
      expect(() => readGroupItem(new WireWriter().message(1, write).finish())).toThrow(
        expect.objectContaining({ code: "INVALID_ARGUMENT" }),
      );
  });
});
