/**
 * What nodes answer each other as protobuf, `proto/converge/peer/v1/peer.proto`, and back. What is read is checked, and its
 * arrays are views of what was read.
 *
 * @module
 */

import { type Epoch, noEpoch } from "../../core/epoch.ts";
import { limits } from "../../core/limits.ts";
import type { GroupMember } from "../../sync/groups.ts";
import type {
  AnnounceRefusal,
  DigestEntry,
  DigestResult,
  Holding,
  PeerCallKind,
  PeerCalls,
  PeerRow,
  PrepareResult,
  ReplicateResult,
} from "../../sync/peer-messages.ts";
import { readForksAnswer, writeForksAnswer } from "./fork-codec.ts";
import { readMembers, readRefusal, writeMember, writeRefusal } from "./group-codec.ts";
import * as value from "./value-codec.ts";
import { invalid, type WireReader } from "./wire-reader.ts";
import { WireWriter } from "./wire-writer.ts";

type Answer<Kind extends PeerCallKind> = PeerCalls[Kind]["answer"];

export type AnswerWriters = {
  readonly [Kind in PeerCallKind]: (answer: Answer<Kind>) => WireWriter;
};

export type AnswerReaders = {
  readonly [Kind in PeerCallKind]: (reader: WireReader) => Answer<Kind>;
};

export const answerWriters: AnswerWriters = {
  replicate: ({ results }) => {
    const writer = new WireWriter(16 + 64 * results.length);
    for (const result of results) writer.message(1, () => writeResult(writer, result));
    return writer;
  },
  prepare: (result) => {
    const writer = new WireWriter();
    if (result.kind === "promised") value.writeHolding(writer, 1, result);
    else if (result.kind === "refused") writer.message(2, () => value.writeEpoch(writer, 1, result.promised));
    else if (result.kind === "not-holder")
      writer.message(3, () => value.writeHolders(writer, 1, result.holders));
    else writer.message(4, nothing);
    return writer;
  },
  adopt: (result) => writeResult(new WireWriter(), result),
  nodes: ({ hashes }) => new WireWriter(16 + hashes.length).bytes(1, hashes),
  rows: ({ rows }) => {
    const writer = new WireWriter(16 + value.sizeOfRows(rows));
    for (const row of rows) value.writeRow(writer, 1, row);
    return writer;
  },
  holding: ({ holding }) => {
    const writer = new WireWriter();
    if (holding !== undefined) value.writeHolding(writer, 1, holding);
    return writer;
  },
  digest: (result) => {
    const writer = new WireWriter();
    if (result.kind === "equal") return writer.message(1, nothing);
    if (result.kind === "differs") return writer.message(2, nothing);
    return writer.message(3, () => writer.bytes(1, Uint8Array.from(result.differing)));
  },
  bucket: ({ entries, more }) => {
    const writer = new WireWriter(16 + 128 * entries.length);
    for (const entry of entries) writeDigestEntry(writer, entry);
    return writer.bool(2, more);
  },
  offer: ({ settled }) => new WireWriter().bool(1, settled),
  holders: (result) => writeResult(new WireWriter(), result),
  nudge: () => new WireWriter(0),
  forks: writeForksAnswer,
  forward: ({ body }) => new WireWriter(16 + body.length).bytes(1, body),
  announce: ({ refusals }) => {
    const writer = new WireWriter();
    for (const refusal of refusals) writeRefusal(writer, 1, refusal);
    return writer;
  },
  broadcast: ({ members }) => new WireWriter(16).uint(1, members),
  group: ({ members }) => {
    const writer = new WireWriter(16 + 256 * members.length);
    for (const member of members) writeMember(writer, 1, member);
    return writer;
  },
  watchers: ({ watchers }) => new WireWriter(16).uint(1, watchers),
};

export const answerReaders: AnswerReaders = {
  replicate: (reader) => {
    const results: ReplicateResult[] = [];
    while (reader.next()) {
      if (reader.field === 1)
        value.add(results, reader.message("results", readResult), "results", limits.peerItemsMax);
    }
    return { results };
  },
  prepare: (reader) => {
    let result: PrepareResult | undefined;
    while (reader.next()) {
      if (reader.field === 1) result = { kind: "promised", ...value.readHolding(reader, "promised") };
      else if (reader.field === 2) result = { kind: "refused", promised: readRefused(reader) };
      else if (reader.field === 3) result = { kind: "not-holder", holders: readHolders(reader) };
      else if (reader.field === 4) result = reader.message("empty", () => ({ kind: "empty" as const }));
    }
    return present(result);
  },
  adopt: readResult,
  nodes: (reader) => {
    let hashes = value.noBytes;
    while (reader.next())
      if (reader.field === 1) hashes = reader.bytes("hashes", limits.peerRunNodesMax * value.hashBytes);
    if (hashes.length % value.hashBytes !== 0) throw invalid("hashes", "is not made of hashes");
    return { hashes };
  },
  rows: (reader) => {
    const rows: PeerRow[] = [];
    while (reader.next()) if (reader.field === 1) value.readPlainRow(reader, rows);
    return { rows };
  },
  holding: (reader) => {
    let holding: Holding | undefined;
    while (reader.next()) if (reader.field === 1) holding = value.readHolding(reader, "holding");
    return { holding };
  },
  digest: (reader) => {
    let result: DigestResult | undefined;
    while (reader.next()) {
      if (reader.field === 1) result = reader.message("equal", () => ({ kind: "equal" as const }));
      else if (reader.field === 2) result = reader.message("differs", () => ({ kind: "differs" as const }));
      else if (reader.field === 3) result = { kind: "buckets", differing: readDiffering(reader) };
    }
    return present(result);
  },
  bucket: (reader) => {
    const entries: DigestEntry[] = [];
    let more = false;
    while (reader.next()) {
      if (reader.field === 1)
        value.add(entries, readDigestEntry(reader), "entries", limits.peerBucketEntriesMax);
      else if (reader.field === 2) more = reader.bool("more");
    }
    return { entries, more };
  },
  offer: (reader) => {
    let settled = false;
    while (reader.next()) if (reader.field === 1) settled = reader.bool("settled");
    return { settled };
  },
  holders: readResult,
  nudge: (reader) => {
    while (reader.next()) continue;
    return {};
  },
  forks: readForksAnswer,
  forward: (reader) => {
    let body = value.noBytes;
    while (reader.next()) if (reader.field === 1) body = reader.bytes("body", limits.peerMessageBytesMax);
    return { body };
  },
  announce: (reader) => {
    const refusals: AnnounceRefusal[] = [];
    while (reader.next())
      if (reader.field === 1) value.add(refusals, readRefusal(reader), "refusals", limits.peerRowsMax);
    return { refusals };
  },
  broadcast: (reader) => {
    let members = 0;
    while (reader.next()) if (reader.field === 1) members = reader.uint("members");
    return { members };
  },
  group: (reader) => {
    const members: GroupMember[] = [];
    while (reader.next()) if (reader.field === 1) readMembers(reader, members);
    return { members };
  },
  watchers: (reader) => {
    let watchers = 0;
    while (reader.next()) if (reader.field === 1) watchers = reader.uint("watchers");
    return { watchers };
  },
};

function writeResult(writer: WireWriter, result: ReplicateResult): WireWriter {
  switch (result.kind) {
    case "stored":
      return writer.message(1, () => writer.uint(1, result.latest));
    case "refused":
      return writer.message(2, () => value.writeEpoch(writer, 1, result.promised));
    case "gap":
      return writer.message(3, () => writer.uint(1, result.latest));
    case "behind":
      return writer.message(4, () => writer.uint(1, result.latest));
    case "not-holder":
      return writer.message(5, () => value.writeHolders(writer, 1, result.holders));
    case "busy":
      return writer.message(6, nothing);
  }
}

function readResult(reader: WireReader): ReplicateResult {
  let result: ReplicateResult | undefined;
  while (reader.next()) {
    if (reader.field === 1) result = { kind: "stored", latest: readLatest(reader) };
    else if (reader.field === 2) result = { kind: "refused", promised: readRefused(reader) };
    else if (reader.field === 3) result = { kind: "gap", latest: readLatest(reader) };
    else if (reader.field === 4) result = { kind: "behind", latest: readLatest(reader) };
    else if (reader.field === 5) result = { kind: "not-holder", holders: readHolders(reader) };
    else if (reader.field === 6) result = reader.message("busy", () => ({ kind: "busy" as const }));
  }
  return present(result);
}

function readLatest(reader: WireReader): number {
  return reader.message("result", () => {
    let latest = 0;
    while (reader.next()) if (reader.field === 1) latest = reader.uint("result.latest");
    return latest;
  });
}

function readRefused(reader: WireReader): Epoch {
  return reader.message("refused", () => {
    let promised = noEpoch;
    while (reader.next()) if (reader.field === 1) promised = value.readEpoch(reader, "refused.promised");
    return promised;
  });
}

function readHolders(reader: WireReader): readonly string[] {
  return reader.message("not_holder", () => {
    const holders: string[] = [];
    while (reader.next()) if (reader.field === 1) value.readHolder(reader, holders);
    return holders;
  });
}

function readDiffering(reader: WireReader): readonly number[] {
  return reader.message("buckets", () => {
    let differing = value.noBytes;
    while (reader.next()) if (reader.field === 1) differing = reader.bytes("buckets.differing", 256);
    return [...differing];
  });
}

function writeDigestEntry(writer: WireWriter, entry: DigestEntry): void {
  writer.message(1, () => {
    writer.text(1, entry.contextId).uint(2, entry.latest).uint(3, entry.committed);
    value.writeEpoch(writer, 4, entry.accepted);
    writer.bytes(5, entry.item);
  });
}

function readDigestEntry(reader: WireReader): DigestEntry {
  return reader.message("entries", () => {
    let contextId = "";
    let latest = 0;
    let committed = 0;
    let accepted = noEpoch;
    let item = value.noBytes;
    while (reader.next()) {
      if (reader.field === 1) contextId = value.readContextId(reader);
      else if (reader.field === 2) latest = reader.uint("entries.latest");
      else if (reader.field === 3) committed = reader.uint("entries.committed");
      else if (reader.field === 4) accepted = value.readEpoch(reader, "entries.accepted");
      else if (reader.field === 5) item = reader.exactly("entries.item", value.hashBytes);
    }
    value.hash(item, "entries.item");
    return { contextId: value.contextId(contextId), latest, committed, accepted, item };
  });
}

function nothing(): void {}

function present<T>(result: T | undefined): T {
  if (result === undefined) throw invalid("result", "is missing");
  return result;
}
