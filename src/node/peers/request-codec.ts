/**
 * What nodes ask of each other as protobuf, `proto/converge/peer/v1/peer.proto`, and back. What is read is checked, and its
 * arrays are views of what was read.
 *
 * @module
 */

import { noEpoch } from "../../core/epoch.ts";
import { limits } from "../../core/limits.ts";
import type { GroupMessage } from "../../sync/groups.ts";
import type {
  AnnounceItem,
  NodesRequest,
  PeerCallKind,
  PeerCalls,
  PeerRow,
  ReplicateItem,
} from "../../sync/peer-messages.ts";
import { readForksRequest, writeForksRequest } from "./fork-codec.ts";
import { readAnnounceItem, readMessage, writeAnnounceItem, writeMessage } from "./group-codec.ts";
import * as value from "./value-codec.ts";
import { invalid, type WireReader } from "./wire-reader.ts";
import { WireWriter } from "./wire-writer.ts";

type Request<Kind extends PeerCallKind> = PeerCalls[Kind]["request"];

export type RequestWriters = {
  readonly [Kind in PeerCallKind]: (request: Request<Kind>) => WireWriter;
};

export type RequestReaders = {
  readonly [Kind in PeerCallKind]: (reader: WireReader) => Request<Kind>;
};

export const requestWriters: RequestWriters = {
  replicate: ({ items }) => {
    const writer = new WireWriter(
      items.reduce((sum, item) => sum + itemBytes + value.sizeOfRows(item.rows), 16),
    );
    for (const item of items) writeItem(writer, item);
    return writer;
  },
  prepare: ({ contextId, epoch, holders }) => begin(contextId, epoch, holders),
  adopt: ({ contextId, epoch, holders, target, committed }) => {
    const writer = begin(contextId, epoch, holders);
    value.writePosition(writer, 4, target);
    return writer.uint(5, committed);
  },
  nodes: ({ contextId, size, runs }) => {
    const writer = new WireWriter().text(1, contextId).uint(2, size);
    for (const { level, first, count } of runs)
      writer.message(3, () => writer.uint(1, level).uint(2, first).uint(3, count));
    return writer;
  },
  rows: ({ contextId, after, through, bytesMax }) =>
    new WireWriter().text(1, contextId).uint(2, after).uint(3, through).uint(4, bytesMax),
  holding: ({ contextId }) => new WireWriter().text(1, contextId),
  digest: ({ all, buckets }) => new WireWriter(64 + buckets.length).bytes(1, all).bytes(2, buckets),
  bucket: ({ bucket, startAfter, limit }) =>
    new WireWriter().uint(1, bucket).text(2, startAfter).uint(3, limit),
  offer: ({ contextId, forkedAfter, epoch, rows }) => {
    const writer = new WireWriter(itemBytes + value.sizeOfRows(rows)).text(1, contextId).uint(2, forkedAfter);
    value.writeEpoch(writer, 3, epoch);
    for (const row of rows) value.writeRow(writer, 4, row, row.sequence);
    return writer;
  },
  holders: ({ contextId, epoch, holders, position }) => {
    const writer = begin(contextId, epoch, holders);
    value.writePosition(writer, 4, position);
    return writer;
  },
  nudge: ({ contextId }) => new WireWriter().text(1, contextId),
  forks: writeForksRequest,
  forward: ({ hops, method, body }) =>
    new WireWriter(64 + method.length + body.length).uint(1, hops).text(2, method).bytes(3, body),
  announce: ({ session, number, items }) => {
    const writer = new WireWriter(64 + itemBytes * items.length).uint(1, session).uint(2, number);
    for (const item of items) writeAnnounceItem(writer, 3, item);
    return writer;
  },
  broadcast: ({ contextId, message }) => {
    const writer = new WireWriter(itemBytes + message.payload.length).text(1, contextId);
    writeMessage(writer, 2, message);
    return writer;
  },
  group: ({ contextId }) => new WireWriter().text(1, contextId),
  watchers: ({ contextId }) => new WireWriter().text(1, contextId),
};

export const requestReaders: RequestReaders = {
  replicate: (reader) => {
    const items: ReplicateItem[] = [];
    const rows = { left: limits.peerRowsMax };
    while (reader.next())
      if (reader.field === 1) value.add(items, readItem(reader, rows), "items", limits.peerItemsMax);
    return { items };
  },
  prepare: (reader) => {
    const { contextId, epoch, holders } = readBegun(reader);
    return { contextId, epoch, holders };
  },
  adopt: (reader) => {
    const { position: target, ...rest } = readBegun(reader, "target");
    if (target === undefined) throw invalid("target", "is missing");
    return { ...rest, target };
  },
  nodes: (reader) => {
    let contextId = "";
    let size = 0;
    const runs: Request<"nodes">["runs"][number][] = [];
    while (reader.next()) {
      if (reader.field === 1) contextId = value.readContextId(reader);
      else if (reader.field === 2) size = reader.uint("size");
      else if (reader.field === 3) value.add(runs, readRun(reader), "runs", limits.peerRunsMax);
    }
    return { contextId: value.contextId(contextId), size, runs };
  },
  rows: (reader) => {
    let contextId = "";
    let after = 0;
    let through = 0;
    let bytesMax = 0;
    while (reader.next()) {
      if (reader.field === 1) contextId = value.readContextId(reader);
      else if (reader.field === 2) after = reader.uint("after");
      else if (reader.field === 3) through = reader.uint("through");
      else if (reader.field === 4) bytesMax = reader.uint("bytes_max", limits.peerMessageBytesMax);
    }
    return { contextId: value.contextId(contextId), after, through, bytesMax };
  },
  holding: readContext,
  digest: (reader) => {
    let all = value.noBytes;
    let buckets = value.noBytes;
    while (reader.next()) {
      if (reader.field === 1) all = reader.exactly("all", value.hashBytes);
      else if (reader.field === 2) buckets = reader.exactly("buckets", bucketsBytes);
    }
    return { all: value.hash(all, "all"), buckets };
  },
  bucket: (reader) => {
    let bucket = 0;
    let startAfter = "";
    let limit = 0;
    while (reader.next()) {
      if (reader.field === 1) bucket = reader.uint("bucket", 255);
      else if (reader.field === 2) startAfter = reader.text("start_after", limits.contextIdBytesMax);
      else if (reader.field === 3) limit = reader.uint("limit", limits.peerBucketEntriesMax);
    }
    return { bucket, startAfter, limit };
  },
  offer: (reader) => {
    let contextId = "";
    let forkedAfter = 0;
    let epoch = noEpoch;
    const rows: (PeerRow & { readonly sequence: number })[] = [];
    while (reader.next()) {
      if (reader.field === 1) contextId = value.readContextId(reader);
      else if (reader.field === 2) forkedAfter = reader.uint("forked_after");
      else if (reader.field === 3) epoch = value.readEpoch(reader, "epoch");
      else if (reader.field === 4) value.add(rows, value.readRow(reader), "rows", limits.peerRowsMax);
    }
    if (rows.some(({ sequence }) => sequence === 0)) throw invalid("rows.sequence", "is missing");
    return { contextId: value.contextId(contextId), forkedAfter, epoch, rows };
  },
  holders: (reader) => {
    const { contextId, epoch, holders, position } = readBegun(reader, "position");
    if (position === undefined) throw invalid("position", "is missing");
    return { contextId, epoch, holders, position };
  },
  nudge: readContext,
  forks: readForksRequest,
  forward: (reader) => {
    let hops = 0;
    let method = "";
    let body = value.noBytes;
    while (reader.next()) {
      if (reader.field === 1) hops = reader.uint("hops", 255);
      else if (reader.field === 2) method = reader.text("method", limits.peerMethodBytesMax);
      else if (reader.field === 3) body = reader.bytes("body", limits.peerMessageBytesMax);
    }
    if (method === "") throw invalid("method", "is missing");
    return { hops, method, body };
  },
  announce: (reader) => {
    let session = 0;
    let number = 0;
    const items: AnnounceItem[] = [];
    while (reader.next()) {
      if (reader.field === 1) session = reader.uint("session");
      else if (reader.field === 2) number = reader.uint("number");
      else if (reader.field === 3)
        value.add(items, readAnnounceItem(reader), "items", limits.groupAnnounceGroupsMax);
    }
    return { session, number, items };
  },
  broadcast: (reader) => {
    let contextId = "";
    let message: GroupMessage | undefined;
    while (reader.next()) {
      if (reader.field === 1) contextId = value.readContextId(reader);
      else if (reader.field === 2) message = readMessage(reader);
    }
    if (message === undefined) throw invalid("message", "is missing");
    return { contextId: value.contextId(contextId), message };
  },
  group: readContext,
  watchers: readContext,
};

/** About what an item takes beside its rows. */
const itemBytes = 512;
const bucketsBytes = 256 * value.hashBytes;

function writeItem(writer: WireWriter, item: ReplicateItem): void {
  writer.message(1, () => {
    writer.text(1, item.contextId);
    value.writeEpoch(writer, 2, item.epoch);
    value.writeHolders(writer, 3, item.holders);
    writer.uint(4, item.after).bytes(5, item.rootAfter);
    for (const row of item.rows) value.writeRow(writer, 6, row);
    writer.uint(7, item.committed);
  });
}

function readItem(reader: WireReader, allRows: { left: number }): ReplicateItem {
  return reader.message("items", () => {
    let contextId = "";
    let epoch = noEpoch;
    const holders: string[] = [];
    let after = 0;
    let rootAfter = value.noBytes;
    const rows: PeerRow[] = [];
    let committed = 0;
    while (reader.next()) {
      if (reader.field === 1) contextId = value.readContextId(reader);
      else if (reader.field === 2) epoch = value.readEpoch(reader, "items.epoch");
      else if (reader.field === 3) value.readHolder(reader, holders);
      else if (reader.field === 4) after = reader.uint("items.after");
      else if (reader.field === 5) rootAfter = reader.exactly("items.root_after", value.hashBytes);
      else if (reader.field === 6) {
        value.readPlainRow(reader, rows);
        allRows.left -= 1;
        if (allRows.left < 0) throw invalid("items.rows", `has more than ${limits.peerRowsMax} elements`);
      } else if (reader.field === 7) committed = reader.uint("items.committed");
    }
    value.hash(rootAfter, "items.root_after");
    return { contextId: value.contextId(contextId), epoch, holders, after, rootAfter, rows, committed };
  });
}

/** Several requests begin alike. */
function begin(
  contextId: string,
  epoch: Request<"prepare">["epoch"],
  holders: readonly string[],
): WireWriter {
  const writer = new WireWriter().text(1, contextId);
  value.writeEpoch(writer, 2, epoch);
  value.writeHolders(writer, 3, holders);
  return writer;
}

function readBegun(
  reader: WireReader,
  positionName?: string,
): Omit<Request<"adopt">, "target"> & { readonly position: Request<"adopt">["target"] | undefined } {
  let contextId = "";
  let epoch = noEpoch;
  const holders: string[] = [];
  let position: Request<"adopt">["target"] | undefined;
  let committed = 0;
  while (reader.next()) {
    if (reader.field === 1) contextId = value.readContextId(reader);
    else if (reader.field === 2) epoch = value.readEpoch(reader, "epoch");
    else if (reader.field === 3) value.readHolder(reader, holders);
    else if (reader.field === 4 && positionName !== undefined)
      position = value.readPosition(reader, positionName);
    else if (reader.field === 5 && positionName === "target") committed = reader.uint("committed");
  }
  return { contextId: value.contextId(contextId), epoch, holders, position, committed };
}

function readContext(reader: WireReader): { readonly contextId: string } {
  let contextId = "";
  while (reader.next()) if (reader.field === 1) contextId = value.readContextId(reader);
  return { contextId: value.contextId(contextId) };
}

function readRun(reader: WireReader): NodesRequest["runs"][number] {
  return reader.message("runs", () => {
    let level = 0;
    let first = 0;
    let count = 0;
    while (reader.next()) {
      if (reader.field === 1) level = reader.uint("runs.level", 53);
      else if (reader.field === 2) first = reader.uint("runs.first");
      else if (reader.field === 3) count = reader.uint("runs.count", limits.peerRunNodesMax);
    }
    return { level, first, count };
  });
}
