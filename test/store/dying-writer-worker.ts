/** The real writer, which dies at a commit whose first row has a key that tells it to. */
import "../../src/store/writer-worker.ts";
import { decodeUtf8 } from "../../src/core/utf8.ts";
import { unpackCommit } from "../../src/store/packed-commit.ts";
import type { WriterReply, WriterRequest } from "../../src/store/writer-messages.ts";

declare const self: Worker;

const serve = self.onmessage;
const post = self.postMessage.bind(self);
let order = "";

self.onmessage = (event: MessageEvent<WriterRequest>) => {
  if (event.data.kind === "commit") {
    order = decodeUtf8(unpackCommit(event.data.packed).rows[0]?.key ?? new Uint8Array());
  }
  if (order === "die before the commit") process.exit(3);
  serve?.call(self, event);
};

self.postMessage = (reply: WriterReply, transfer?: unknown) => {
  if (order === "throw after the commit") throw new Error("the reply is lost");
  if (order === "die after the commit") process.exit(3);
  post(reply, transfer as ArrayBuffer[]);
};
