import { normalAddress } from "../endpoint.ts";
import type { FieldReader } from "./field-reader.ts";
import { fields, fieldSet } from "./fields.ts";
import { messageTypes } from "./message-types.ts";
import { type NodeState, nodeStates, type PacketMessage, type Source } from "./messages.ts";
import type { Refusal } from "./refusal.ts";

/**
 * Returns the message of `type` that `reader` stands before, to the end of its input; else why there is none. Layers
 * are no messages.
 */
export function decodeMessage(reader: FieldReader, type: number): PacketMessage | Refusal {
  switch (type) {
    case messageTypes.ping:
      if (!reader.read(pingFields)) return "malformed";
      return { kind: "ping", seqNo: reader.seqNo, node: reader.node, source: sourceOf(reader) };
    case messageTypes.indirectPing:
      return decodeIndirectPing(reader);
    case messageTypes.ack:
      if (!reader.read(ackFields)) return "malformed";
      return { kind: "ack", seqNo: reader.seqNo, payload: reader.payload };
    case messageTypes.nack:
      if (!reader.read(nackFields)) return "malformed";
      return { kind: "nack", seqNo: reader.seqNo };
    case messageTypes.suspect:
    case messageTypes.dead: {
      if (!reader.read(accusationFields) || reader.node === "") return "malformed";
      const { incarnation, node, from } = reader;
      return { kind: type === messageTypes.dead ? "dead" : "suspect", incarnation, node, from };
    }
    case messageTypes.alive:
      return decodeAlive(reader);
    case messageTypes.user: {
      const { input } = reader;
      return { kind: "user", bytes: input.verbatim(input.end - input.offset) };
    }
    default:
      return "type";
  }
}

/**
 * Returns the state that `reader` stands before. Undefined if the input has a problem, and also if the state says
 * nothing about a member that can be: memberlist passes over such ones.
 */
export function decodeState(reader: FieldReader): NodeState | undefined {
  if (!reader.read(stateFields)) return undefined;
  const { name, addr, port, meta, incarnation, state, vsn } = reader;
  if (name === "" || !isAddress(addr) || state > nodeStates.left) return undefined;
  return { name, address: normalAddress(addr), port, meta, incarnation, state, versions: vsn };
}

function decodeIndirectPing(reader: FieldReader): PacketMessage | Refusal {
  if (!reader.read(indirectPingFields) || !isAddress(reader.target)) return "malformed";
  return {
    kind: "indirect-ping",
    seqNo: reader.seqNo,
    address: normalAddress(reader.target),
    port: reader.port,
    node: reader.node,
    nack: reader.nack,
    source: sourceOf(reader),
  };
}

function decodeAlive(reader: FieldReader): PacketMessage | Refusal {
  if (!reader.read(aliveFields) || reader.node === "" || !isAddress(reader.addr)) return "malformed";
  return {
    kind: "alive",
    incarnation: reader.incarnation,
    node: reader.node,
    address: normalAddress(reader.addr),
    port: reader.port,
    meta: reader.meta,
    versions: reader.vsn,
  };
}

function sourceOf({ sourceAddr, sourcePort, sourceNode }: FieldReader): Source | undefined {
  if (sourcePort === 0 || !isAddress(sourceAddr)) return undefined;
  return { name: sourceNode, address: normalAddress(sourceAddr), port: sourcePort };
}

function isAddress(bytes: Uint8Array): boolean {
  return bytes.length === 4 || bytes.length === 16;
}

const sourceFields = [fields.sourceAddr, fields.sourcePort, fields.sourceNode];
const pingFields = fieldSet(fields.seqNo, fields.node, ...sourceFields);
const indirectPingFields = fieldSet(
  fields.seqNo,
  fields.target,
  fields.port,
  fields.node,
  fields.nack,
  ...sourceFields,
);
const ackFields = fieldSet(fields.seqNo, fields.payload);
const nackFields = fieldSet(fields.seqNo);
const accusationFields = fieldSet(fields.incarnation, fields.node, fields.from);
const aliveFields = fieldSet(
  fields.incarnation,
  fields.node,
  fields.addr,
  fields.port,
  fields.meta,
  fields.vsn,
);
const stateFields = fieldSet(
  fields.name,
  fields.addr,
  fields.port,
  fields.meta,
  fields.incarnation,
  fields.state,
  fields.vsn,
);
