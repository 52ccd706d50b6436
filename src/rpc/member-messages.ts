/**
 * Between the cluster's values and the messages of membership.proto.
 *
 * @module
 */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Member, MemberChange, MemberChangeKind, MemberState } from "../core/member.ts";
import {
  type GossipKeyReport,
  GossipKeyReportSchema,
  type GossipStatusSchema,
  MemberChangeKind as KindNumber,
  MemberSchema,
  MemberState as StateNumber,
  WriteCopies as CopiesNumber,
  type JoinOutcomeSchema,
  type WatchMembersResponse,
  WatchMembersResponseSchema,
  type Member as MemberMessage,
} from "../gen/converge/ledger/v1/membership_pb.ts";
import type { WriteCopies } from "../core/write-copies.ts";
import type { GossipStatus, JoinOutcome, KeyReport } from "./cluster.ts";
import type { MemberEvent } from "./member-stream.ts";

const states: Readonly<Record<MemberState, StateNumber>> = {
  alive: StateNumber.ALIVE,
  suspect: StateNumber.SUSPECT,
  dead: StateNumber.DEAD,
  left: StateNumber.LEFT,
};

const copies: Readonly<Record<WriteCopies, CopiesNumber>> = {
  "1": CopiesNumber.ONE,
  majority: CopiesNumber.MAJORITY,
  all: CopiesNumber.ALL,
};

const kinds: Readonly<Record<MemberChangeKind, KindNumber>> = {
  joined: KindNumber.JOINED,
  updated: KindNumber.UPDATED,
  suspected: KindNumber.SUSPECTED,
  recovered: KindNumber.RECOVERED,
  died: KindNumber.DIED,
  left: KindNumber.LEFT,
  forgotten: KindNumber.FORGOTTEN,
};

export function memberMessage(member: Member): MemberMessage {
  const { name, state, isSelf, incarnation, stateSinceMs, gossipAddress, tags } = member;
  return create(MemberSchema, {
    name,
    state: states[state],
    isSelf,
    incarnation: BigInt(incarnation),
    stateSinceNs: BigInt(Math.floor(stateSinceMs)) * 1_000_000n,
    gossipAddress,
    nodeId: tags.nodeId ?? "",
    rpcAddress: tags.rpcAddress ?? "",
    httpAddress: tags.httpAddress ?? "",
    version: tags.version ?? "",
    logName: tags.logName ?? "",
    protocolMin: tags.protocolMin ?? 0,
    protocolMax: tags.protocolMax ?? 0,
    replicas: tags.replicas ?? 0,
    writeCopies: writeCopiesNumber(tags.writeCopies),
    readOnly: tags.canWrite === false,
  });
}

export function memberStateNumber(state: MemberState | undefined): StateNumber {
  return state === undefined ? StateNumber.UNSPECIFIED : states[state];
}

export function writeCopiesNumber(writeCopies: WriteCopies | undefined): CopiesNumber {
  return writeCopies === undefined ? CopiesNumber.UNSPECIFIED : copies[writeCopies];
}

export function outcomeMessage(outcome: JoinOutcome): MessageInitShape<typeof JoinOutcomeSchema> {
  const { address, members, error = "", isRefused } = outcome;
  return { address, members, error, reason: isRefused === true ? "SETTINGS_DIFFER" : "" };
}

export function gossipMessage(status: GossipStatus | undefined): MessageInitShape<typeof GossipStatusSchema> {
  if (status === undefined) return { on: false };
  const { address, profile, isEncrypted, label, healthScore } = status;
  return { on: true, address, timing: profile, encrypted: isEncrypted, label, healthScore };
}

export function memberEventMessage(event: MemberEvent): WatchMembersResponse {
  switch (event.kind) {
    case "member":
      return create(WatchMembersResponseSchema, {
        event: { case: "member", value: memberMessage(event.member) },
      });
    case "complete":
      return create(WatchMembersResponseSchema, { event: { case: "complete", value: {} } });
    case "change":
      return create(WatchMembersResponseSchema, {
        event: { case: "change", value: changeMessage(event.change) },
      });
    case "heartbeat":
      return create(WatchMembersResponseSchema, { event: { case: "heartbeat", value: {} } });
  }
}

export function keyReportMessage({ keys, failures }: KeyReport): GossipKeyReport {
  return create(GossipKeyReportSchema, {
    keys: keys.map(({ id, members, primaryOf }) => ({
      id,
      members: members.toSorted(),
      primaryOf: primaryOf.toSorted(),
    })),
    failures: failures.map(({ member, error }) => ({ member, error })),
  });
}

function changeMessage({ kind, member }: MemberChange): { kind: KindNumber; member: MemberMessage } {
  return { kind: kinds[kind], member: memberMessage(member) };
}
