/**
 * A proxy that tells lies: below `/lie/<name>` it passes everything on, but for what the lie of that name changes.
 *
 * @module
 */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { contentHash, sortMetadata } from "../../src/core/entry.ts";
import { emptyFrontier, type Frontier, frontierRoot } from "../../src/core/merkle/frontier.ts";
import {
  AppendResponseSchema,
  type Entry,
  type WatchEvent,
  WatchEventSchema,
} from "../../src/gen/converge/context/v1/context_pb.ts";
import {
  GetCheckpointResponseSchema,
  ProveConsistencyResponseSchema,
} from "../../src/gen/converge/ledger/v1/integrity_pb.ts";
import { hasher } from "./ledger-world.ts";

/** Returns what is sent in the place of one event. */
type WatchLie = () => (event: WatchEvent) => readonly WatchEvent[];

/** Which entry the lies about one entry are about. */
export const lieAt = 3n;

const watchLies: Readonly<Record<string, WatchLie>> = {
  "flip-payload": onEntry((entry) => flip(entry.payload)),
  "flip-hash": onEntry((entry) => flip(entry.contentHash)),
  "change-key": onEntry((entry) => (entry.key += "x")),
  "change-id": onEntry((entry) => (entry.id = entry.id.replace(/.$/, (last) => (last === "0" ? "1" : "0")))),
  "change-time": onEntry((entry) => (entry.appendedAtNs += 1n)),
  "change-lamport": onEntry((entry) => (entry.lamport += 1n)),
  "change-metadata": onEntry((entry) => (entry.metadata["n"] = "other")),
  "drop-metadata": onEntry((entry) => delete entry.metadata["n"]),
  "flip-root": () => (event) => {
    if (event.entry?.sequence === lieAt) flip(event.root);
    return [event];
  },
  "no-root": () => (event) => {
    if (event.entry?.sequence === lieAt) event.root = new Uint8Array(0);
    return [event];
  },
  "drop-entry": () => (event) => (event.entry?.sequence === lieAt ? [] : [event]),
  "repeat-entry": () => (event) => (event.entry?.sequence === lieAt ? [event, event] : [event]),
  "swap-entries": () => {
    let held: WatchEvent | undefined;
    return (event) => {
      if (event.entry?.sequence === lieAt) {
        held = event;
        return [];
      }
      const both = held === undefined ? [event] : [event, held];
      held = undefined;
      return both;
    };
  },
  "drop-skipped": () => (event) => (event.control.case === "skipped" ? [] : [event]),
  "no-frontier": () => (event) => (event.control.case === "frontier" ? [] : [event]),
  "other-frontier": () => (event) => {
    if (event.control.case === "frontier" && event.control.value.subtrees[0] !== undefined)
      flip(event.control.value.subtrees[0]);
    return [event];
  },
  "forked-history": forkedHistory,
};

/** Lies about single answers, by the method they are about. */
const answerLies: Readonly<Record<string, { method: string; change: (body: Uint8Array) => Uint8Array }>> = {
  "append-other-payload": {
    method: "Append",
    change: (body) => {
      const answer = fromBinary(AppendResponseSchema, body);
      if (answer.entry !== undefined) {
        flip(answer.entry.payload);
        answer.entry.contentHash = hashOf("verified", answer.entry);
      }
      return toBinary(AppendResponseSchema, answer);
    },
  },
  "append-no-proof": {
    method: "Append",
    change: (body) =>
      toBinary(
        AppendResponseSchema,
        create(AppendResponseSchema, { entry: fromBinary(AppendResponseSchema, body).entry }),
      ),
  },
  "append-flip-proof": {
    method: "Append",
    change: (body) => {
      const answer = fromBinary(AppendResponseSchema, body);
      flip(answer.proof?.hashes[0] ?? new Uint8Array(1));
      return toBinary(AppendResponseSchema, answer);
    },
  },
  "flip-signature": {
    method: "GetCheckpoint",
    change: (body) => {
      const answer = fromBinary(GetCheckpointResponseSchema, body);
      const at = answer.checkpoint.length - 20;
      const flipped = answer.checkpoint[at] === "A" ? "B" : "A";
      answer.checkpoint = `${answer.checkpoint.slice(0, at)}${flipped}${answer.checkpoint.slice(at + 1)}`;
      return toBinary(GetCheckpointResponseSchema, answer);
    },
  },
  "flip-consistency": {
    method: "ProveConsistency",
    change: (body) => {
      const answer = fromBinary(ProveConsistencyResponseSchema, body);
      flip(answer.hashes[0] ?? new Uint8Array(1));
      return toBinary(ProveConsistencyResponseSchema, answer);
    },
  },
};

/** Answers that are given again instead of newer ones, by path. */
type Remembered = Map<string, ArrayBuffer>;

/** Returns a handler that lies below `/lie/`; `server` is the address of the one that tells the truth. */
export function lyingProxy(server: string): (request: Request) => Promise<Response | undefined> {
  const remembered: Remembered = new Map();
  return async (request) => {
    const url = new URL(request.url);
    const [, name = "", path = ""] = /^\/lie\/([^/]+)(\/.*)$/.exec(url.pathname) ?? [];
    if (name === "") return undefined;
    const headers = new Headers(request.headers);
    headers.delete("host");
    headers.delete("accept-encoding");
    const body = request.method === "POST" ? await request.arrayBuffer() : null;
    const answer = await fetch(`${server}${path}${url.search}`, { method: request.method, headers, body });
    const method = path.slice(path.lastIndexOf("/") + 1);
    if (name === "old-checkpoint" && method === "GetCheckpoint") {
      const first = remembered.get(path) ?? (await answer.arrayBuffer());
      remembered.set(path, first);
      return new Response(first.slice(), { headers: { "content-type": "application/proto" } });
    }
    const watchLie = watchLies[name];
    if (watchLie !== undefined && method === "Watch" && answer.body !== null)
      return new Response(changed(answer.body, watchLie()), { headers: Object.fromEntries(answer.headers) });
    const lie = answerLies[name];
    if (lie?.method === method && answer.ok)
      return new Response(Buffer.from(lie.change(new Uint8Array(await answer.arrayBuffer()))), {
        headers: { "content-type": "application/proto" },
      });
    const { status } = answer;
    return new Response(answer.body, { status, headers: Object.fromEntries(answer.headers) });
  };
}

/** Changes the messages of a Connect stream. */
function changed(
  body: ReadableStream<Uint8Array>,
  lie: (event: WatchEvent) => readonly WatchEvent[],
): ReadableStream<Uint8Array> {
  let buffer = Buffer.alloc(0);
  return body.pipeThrough(
    new TransformStream({
      transform(chunk: Uint8Array, controller) {
        buffer = Buffer.concat([buffer, chunk]);
        while (buffer.length >= 5 && buffer.length >= 5 + buffer.readUInt32BE(1)) {
          const end = 5 + buffer.readUInt32BE(1);
          const frame = buffer.subarray(0, end);
          buffer = buffer.subarray(end);
          if (frame[0] !== 0) controller.enqueue(frame);
          else
            for (const event of lie(fromBinary(WatchEventSchema, frame.subarray(5))))
              controller.enqueue(framed(event));
        }
      },
    }),
  );
}

function framed(event: WatchEvent): Uint8Array {
  const message = toBinary(WatchEventSchema, event);
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

function onEntry(change: (entry: Entry) => unknown): WatchLie {
  return () => (event) => {
    if (event.entry?.sequence === lieAt) change(event.entry);
    return [event];
  };
}

/** Tells another history from `lieAt` on, with hashes and roots that fit each other. */
function forkedHistory(): (event: WatchEvent) => readonly WatchEvent[] {
  let frontier: Frontier = emptyFrontier;
  return (event) => {
    const { entry } = event;
    if (entry === undefined) return [event];
    if (entry.sequence === lieAt) {
      flip(entry.payload);
      entry.contentHash = hashOf("verified", entry);
    }
    frontier = hasher.extend(frontier, entry.contentHash, "rfc6962");
    event.root = frontierRoot(frontier, "rfc6962", hasher);
    return [event];
  };
}

function hashOf(contextId: string, entry: Entry): Uint8Array {
  const metadata = sortMetadata(Object.entries(entry.metadata));
  return contentHash(contextId, { ...entry, sequence: Number(entry.sequence), metadata }, hasher);
}

function flip(bytes: Uint8Array): void {
  bytes[0] = (bytes[0] ?? 0) ^ 1;
}
