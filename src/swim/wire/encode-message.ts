import { assert } from "../../core/assert.ts";
import { fields, writeField } from "./fields.ts";
import { messageTypes } from "./message-types.ts";
import type { IndirectPing, NodeState, PacketMessage, Ping, Source, StreamMessage } from "./messages.ts";
import { MsgpackWriter } from "./msgpack-writer.ts";

/** Returns a message as it goes into a packet: its type, then its fields, sorted by name as memberlist does. */
export function encodeMessage(message: PacketMessage): Uint8Array {
  if (message.kind === "user") {
    const bytes = new Uint8Array(1 + message.bytes.length);
    bytes[0] = messageTypes.user;
    bytes.set(message.bytes, 1);
    return bytes;
  }
  const writer = small.reset();
  writeMessage(writer, message);
  return writer.copy();
}

/** Returns a message as it goes over a stream. */
export function encodeStreamMessage(message: StreamMessage): Uint8Array {
  switch (message.kind) {
    case "push-pull":
      return encodePushPull(message, message.states.map(encodedState), message.states.length);
    case "user": {
      const writer = new MsgpackWriter(32 + message.bytes.length).byte(messageTypes.user).map(1);
      return writeField(writer, fields.userMsgLen).uint(message.bytes.length).verbatim(message.bytes).copy();
    }
    case "error": {
      const writer = new MsgpackWriter(256).byte(messageTypes.error).map(1);
      return writeField(writer, fields.error).text(message.error).copy();
    }
    case "ping":
    case "ack":
      return encodeMessage(message);
  }
}

/** Returns what of a state stays the same as long as the member says nothing new about itself. */
export function nodeStatePrefix(state: Omit<NodeState, "incarnation" | "state">): Uint8Array {
  const writer = small.reset().map(7);
  writeField(writer, fields.addr).raw(state.address);
  writeField(writer, fields.meta).raw(state.meta);
  writeField(writer, fields.name).text(state.name);
  writeField(writer, fields.port).uint(state.port);
  writeField(writer, fields.vsn).raw(state.versions);
  return writer.copy();
}

/** A state whose prefix is that of {@link nodeStatePrefix}. */
export interface EncodedState {
  readonly prefix: Uint8Array;
  readonly incarnation: number;
  /** One of `nodeStates`. */
  readonly state: number;
}

/** Returns a push/pull message of `count` states. */
export function encodePushPull(
  { join, userState }: { readonly join: boolean; readonly userState: Uint8Array },
  states: Iterable<EncodedState>,
  count: number,
): Uint8Array {
  const writer = new MsgpackWriter(64 + count * 128 + userState.length).byte(messageTypes.pushPull).map(3);
  writeField(writer, fields.join).bool(join);
  writeField(writer, fields.nodes).uint(count);
  writeField(writer, fields.userStateLen).uint(userState.length);
  let written = 0;
  for (const { prefix, incarnation, state } of states) {
    writer.verbatim(prefix);
    writeField(writer, fields.incarnation).uint(incarnation);
    writeField(writer, fields.state).uint(state);
    written += 1;
  }
  assert(written === count, "as many states as were announced");
  return writer.verbatim(userState).copy();
}

/** For messages that are not long; what is written is copied out of it at once. */
const small = new MsgpackWriter(2048);

function encodedState(state: NodeState): EncodedState {
  return { prefix: nodeStatePrefix(state), incarnation: state.incarnation, state: state.state };
}

function writeMessage(writer: MsgpackWriter, message: Exclude<PacketMessage, { kind: "user" }>): void {
  switch (message.kind) {
    case "ping":
      return writePing(writer, message);
    case "indirect-ping":
      return writeIndirectPing(writer, message);
    case "ack":
      writer.byte(messageTypes.ack).map(2);
      writeField(writer, fields.payload).raw(message.payload);
      writeField(writer, fields.seqNo).uint(message.seqNo);
      return undefined;
    case "nack":
      writer.byte(messageTypes.nack).map(1);
      writeField(writer, fields.seqNo).uint(message.seqNo);
      return undefined;
    case "suspect":
    case "dead":
      writer.byte(messageTypes[message.kind]).map(3);
      writeField(writer, fields.from).text(message.from);
      writeField(writer, fields.incarnation).uint(message.incarnation);
      writeField(writer, fields.node).text(message.node);
      return undefined;
    case "alive":
      writer.byte(messageTypes.alive).map(6);
      writeField(writer, fields.addr).raw(message.address);
      writeField(writer, fields.incarnation).uint(message.incarnation);
      writeField(writer, fields.meta).raw(message.meta);
      writeField(writer, fields.node).text(message.node);
      writeField(writer, fields.port).uint(message.port);
      writeField(writer, fields.vsn).raw(message.versions);
      return undefined;
  }
}

function writePing(writer: MsgpackWriter, { seqNo, node, source }: Ping): void {
  writer.byte(messageTypes.ping).map(2 + sourceFields(source));
  writeField(writer, fields.node).text(node);
  writeField(writer, fields.seqNo).uint(seqNo);
  writeSource(writer, source);
}

function writeIndirectPing(writer: MsgpackWriter, message: IndirectPing): void {
  writer.byte(messageTypes.indirectPing).map(5 + sourceFields(message.source));
  writeField(writer, fields.nack).bool(message.nack);
  writeField(writer, fields.node).text(message.node);
  writeField(writer, fields.port).uint(message.port);
  writeField(writer, fields.seqNo).uint(message.seqNo);
  writeSource(writer, message.source);
  writeField(writer, fields.target).raw(message.address);
}

function sourceFields(source: Source | undefined): number {
  return source === undefined ? 0 : source.name === "" ? 2 : 3;
}

function writeSource(writer: MsgpackWriter, source: Source | undefined): void {
  if (source === undefined) return;
  writeField(writer, fields.sourceAddr).raw(source.address);
  if (source.name !== "") writeField(writer, fields.sourceNode).text(source.name);
  writeField(writer, fields.sourcePort).uint(source.port);
}
