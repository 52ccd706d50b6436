/**
 * Groups of processes as they travel between nodes: `proto/converge/peer/v1/peer.proto`. What is read is checked.
 *
 * @module
 */

import { assert } from "../../core/assert.ts";
import { hex, unhex } from "../../core/hex.ts";
import { limits } from "../../core/limits.ts";
import { utf8Length } from "../../core/utf8.ts";
import type { GroupMember, GroupMessage } from "../../sync/groups.ts";
import type { AnnounceItem, AnnounceRefusal } from "../../sync/peer-messages.ts";
import * as value from "./value-codec.ts";
import { invalid, type WireReader } from "./wire-reader.ts";
import type { WireWriter } from "./wire-writer.ts";

const messageIdBytes = 16;
const nsPerSecond = 1_000_000_000n;
const refusalNumbers: Readonly<Record<AnnounceRefusal["kind"], number>> = {
  "not-home": 1,
  full: 2,
  "too-many": 3,
};

export function writeMember(writer: WireWriter, field: number, member: GroupMember): void {
  writer.message(field, () => {
    writer.text(1, member.memberId).text(2, member.name);
    for (const [name, text] of Object.entries(member.metadata))
      writer.message(3, () => writer.text(1, name).text(2, text));
    value.writeNodeId(writer, 4, member.nodeId);
    writeTime(writer, 5, member.joinedAtNs);
  });
}

export function readMember(reader: WireReader): GroupMember {
  return reader.message("member", () => {
    let memberId = "";
    let name = "";
    const metadata: [string, string][] = [];
    let bytes = 0;
    let nodeId = "";
    let joinedAtNs = 0n;
    while (reader.next()) {
      if (reader.field === 1) memberId = readMemberId(reader);
      else if (reader.field === 2) name = reader.text("member.name", limits.groupMemberNameBytesMax);
      else if (reader.field === 3) {
        const pair = readPair(reader);
        bytes += utf8Length(pair[0]) + utf8Length(pair[1]);
        if (bytes > limits.groupMetadataBytesMax) throw invalid("member.metadata", "is too long");
        value.add(metadata, pair, "member.metadata", limits.groupMetadataPairsMax);
      } else if (reader.field === 4) nodeId = value.readNodeId(reader, "member.node_id");
      else if (reader.field === 5) joinedAtNs = readTime(reader, "member.joined_at");
    }
    if (memberId === "") throw invalid("member.member_id", "is missing");
    if (nodeId === "") throw invalid("member.node_id", "is missing");
    return { memberId, name, metadata: Object.fromEntries(metadata), nodeId, joinedAtNs };
  });
}

export function readMemberId(reader: WireReader): string {
  return reader.text("member_id", limits.groupMemberIdBytesMax);
}

/** Adds the next member to `into`. */
export function readMembers(reader: WireReader, into: GroupMember[]): void {
  value.add(into, readMember(reader), "members", limits.groupMembersMax);
}

export function writeMessage(writer: WireWriter, field: number, message: GroupMessage): void {
  const id = unhex(message.id);
  assert(id?.length === messageIdBytes, "the id of a message is 16 bytes in hexadecimal digits");
  writer.message(field, () => {
    writer.bytes(1, id).text(2, message.fromMemberId).bytes(3, message.payload);
    writeTime(writer, 4, message.sentAtNs);
  });
}

/** The payload is a view of what is read. */
export function readMessage(reader: WireReader): GroupMessage {
  return reader.message("message", () => {
    let id = value.noBytes;
    let fromMemberId = "";
    let payload = value.noBytes;
    let sentAtNs = 0n;
    while (reader.next()) {
      if (reader.field === 1) id = reader.exactly("message.id", messageIdBytes);
      else if (reader.field === 2)
        fromMemberId = reader.text("message.from_member_id", limits.groupMemberIdBytesMax);
      else if (reader.field === 3) payload = reader.bytes("message.payload", limits.groupPayloadBytesMax);
      else if (reader.field === 4) sentAtNs = readTime(reader, "message.sent_at");
    }
    if (id.length === 0) throw invalid("message.id", "is missing");
    return { id: hex(id), fromMemberId, payload, sentAtNs };
  });
}

export function writeAnnounceItem(writer: WireWriter, field: number, item: AnnounceItem): void {
  writer.message(field, () => {
    writer.text(1, item.contextId);
    for (const member of item.joins) writeMember(writer, 2, member);
    for (const memberId of item.leaves) writer.optionalText(3, memberId);
  });
}

export function readAnnounceItem(reader: WireReader): AnnounceItem {
  return reader.message("items", () => {
    let contextId = "";
    const joins: GroupMember[] = [];
    const leaves: string[] = [];
    while (reader.next()) {
      if (reader.field === 1) contextId = value.readContextId(reader);
      else if (reader.field === 2)
        value.add(joins, readMember(reader), "items.joins", limits.groupAnnounceMembersMax);
      else if (reader.field === 3)
        value.add(leaves, readMemberId(reader), "items.leaves", limits.groupAnnounceMembersMax);
    }
    return { contextId: value.contextId(contextId), joins, leaves };
  });
}

export function writeRefusal(writer: WireWriter, field: number, refusal: AnnounceRefusal): void {
  writer.message(field, () => {
    writer.uint(1, refusalNumbers[refusal.kind]).text(2, refusal.contextId);
    if (refusal.kind !== "not-home") writer.text(3, refusal.memberId);
  });
}

export function readRefusal(reader: WireReader): AnnounceRefusal {
  return reader.message("refusals", () => {
    let why = 0;
    let contextId = "";
    let memberId = "";
    while (reader.next()) {
      if (reader.field === 1) why = reader.uint("refusals.why");
      else if (reader.field === 2) contextId = value.readContextId(reader);
      else if (reader.field === 3) memberId = readMemberId(reader);
    }
    // Whatever a later version refuses: somebody else may take it.
    if (why === refusalNumbers.full) return { kind: "full", contextId, memberId };
    if (why === refusalNumbers["too-many"]) return { kind: "too-many", contextId, memberId };
    return { kind: "not-home", contextId };
  });
}

function readPair(reader: WireReader): [string, string] {
  return reader.message("member.metadata", () => {
    let name = "";
    let text = "";
    while (reader.next()) {
      if (reader.field === 1) name = reader.text("member.metadata", limits.groupMetadataBytesMax);
      else if (reader.field === 2) text = reader.text("member.metadata", limits.groupMetadataBytesMax);
    }
    return [name, text];
  });
}

/** Nanoseconds do not fit the integers of the wire reader. */
function writeTime(writer: WireWriter, field: number, timeNs: bigint): void {
  writer.message(field, () =>
    writer.uint(1, Number(timeNs / nsPerSecond)).uint(2, Number(timeNs % nsPerSecond)),
  );
}

function readTime(reader: WireReader, name: string): bigint {
  return reader.message(name, () => {
    let seconds = 0;
    let nanoseconds = 0;
    while (reader.next()) {
      if (reader.field === 1) seconds = reader.uint(`${name}.seconds`, secondsMax);
      else if (reader.field === 2) nanoseconds = reader.uint(`${name}.nanoseconds`, 999_999_999);
    }
    return BigInt(seconds) * nsPerSecond + BigInt(nanoseconds);
  });
}

const secondsMax = Number(limits.timeNsMax / nsPerSecond) - 1;
