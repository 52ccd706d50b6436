/**
 * The stream on which a node hears of its groups, as it travels: `proto/converge/peer/v1/peer.proto`. What is read is checked.
 *
 * @module
 */

import { limits } from "../../core/limits.ts";
import type { GroupChange, GroupEvent, GroupMember } from "../../sync/groups.ts";
import type { GroupNews } from "../../sync/peer-messages.ts";
import {
  readMember,
  readMemberId,
  readMembers,
  readMessage,
  writeMember,
  writeMessage,
} from "./group-codec.ts";
import * as value from "./value-codec.ts";
import { invalid, WireReader } from "./wire-reader.ts";
import { WireWriter } from "./wire-writer.ts";

const changeNumbers: Readonly<Record<GroupChange, number>> = { joined: 1, updated: 2, left: 3 };
const changes = new Map(
  Object.entries(changeNumbers).map(([change, number]) => [number, change as GroupChange]),
);

/** Returns the body that opens a stream. */
export function writeGroupOpen(session: number): Uint8Array {
  return new WireWriter(16).uint(1, session).finish();
}

/** Throws LedgerError INVALID_ARGUMENT. */
export function readGroupOpen(bytes: Uint8Array): number {
  const reader = new WireReader(bytes);
  let session = 0;
  while (reader.next()) if (reader.field === 1) session = reader.uint("session");
  return session;
}

export function writeGroupItem(all: readonly GroupNews[]): Uint8Array {
  const writer = new WireWriter(256 * Math.max(1, all.length));
  for (const news of all) writer.message(1, () => writeNews(writer, news));
  return writer.finish();
}

/** Payloads are views of `bytes`. Throws LedgerError INVALID_ARGUMENT. */
export function readGroupItem(bytes: Uint8Array): readonly GroupNews[] {
  const reader = new WireReader(bytes);
  const all: GroupNews[] = [];
  while (reader.next()) {
    if (reader.field !== 1) continue;
    const news = reader.message("news", readNews);
    if (news !== undefined) value.add(all, news, "news", limits.groupNodeUnsentMax);
  }
  return all;
}

function writeNews(writer: WireWriter, news: GroupNews): void {
  writer.text(1, news.contextId);
  switch (news.kind) {
    case "state":
      writer.message(2, () => {
        writer.uint(1, news.number);
        for (const member of news.members) writeMember(writer, 2, member);
      });
      return;
    case "event":
      return writeEvent(writer, news.event);
    case "replaced":
      writer.optionalText(5, news.memberId);
      return;
    case "moved":
      writer.message(6, () => undefined);
      return;
  }
}

function writeEvent(writer: WireWriter, event: GroupEvent): void {
  if (event.kind === "message") return writeMessage(writer, 3, event.message);
  writer.message(4, () => {
    writer.uint(1, changeNumbers[event.change]);
    writeMember(writer, 2, event.member);
  });
}

/** Returns nothing for news of a kind that a later version has. */
function readNews(reader: WireReader): GroupNews | undefined {
  let contextId = "";
  let make: ((contextId: string) => GroupNews) | undefined;
  while (reader.next()) {
    if (reader.field === 1) contextId = value.readContextId(reader);
    else if (reader.field === 2) {
      const state = readState(reader);
      make = (id) => ({ kind: "state", contextId: id, ...state });
    } else if (reader.field === 3) {
      const message = readMessage(reader);
      make = (id) => ({ kind: "event", contextId: id, event: { kind: "message", message } });
    } else if (reader.field === 4) {
      const event = readChange(reader);
      if (event !== undefined) make = (id) => ({ kind: "event", contextId: id, event });
    } else if (reader.field === 5) {
      const memberId = readMemberId(reader);
      make = (id) => ({ kind: "replaced", contextId: id, memberId });
    } else if (reader.field === 6) {
      reader.message("news.moved", () => undefined);
      make = (id) => ({ kind: "moved", contextId: id });
    }
  }
  return make?.(value.contextId(contextId));
}

function readState(reader: WireReader): {
  readonly number: number;
  readonly members: readonly GroupMember[];
} {
  return reader.message("news.state", () => {
    let number = 0;
    const members: GroupMember[] = [];
    while (reader.next()) {
      if (reader.field === 1) number = reader.uint("news.state.number");
      else if (reader.field === 2) readMembers(reader, members);
    }
    return { number, members };
  });
}

function readChange(reader: WireReader): GroupEvent | undefined {
  return reader.message("news.change", () => {
    let change: GroupChange | undefined;
    let member: GroupMember | undefined;
    while (reader.next()) {
      if (reader.field === 1) change = changes.get(reader.uint("news.change.kind"));
      else if (reader.field === 2) member = readMember(reader);
    }
    if (member === undefined) throw invalid("news.change.member", "is missing");
    return change === undefined ? undefined : { kind: "change", change, member };
  });
}
