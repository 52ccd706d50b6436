import { limits } from "../../core/limits.ts";
import { fieldAt, fields } from "./fields.ts";
import { maxUint32, MsgpackReader } from "./msgpack-reader.ts";

/** Reads the fields of one message after the other. A field that a message does not have is zero, "" or empty. */
export class FieldReader {
  readonly input = new MsgpackReader();
  seqNo = 0;
  node = "";
  sourceAddr = none;
  sourcePort = 0;
  sourceNode = "";
  target = none;
  port = 0;
  nack = false;
  payload = none;
  error = "";
  incarnation = 0;
  from = "";
  addr = none;
  meta = none;
  vsn = none;
  nodes = 0;
  userStateLen = 0;
  join = false;
  name = "";
  state = 0;
  algo = 0;
  /** A part of the input. */
  buf = none;
  userMsgLen = 0;

  /**
   * Reads one map, and tells if it is one and no value of it is out of bounds. Keys that are not in `known`, a set of
   * fields, are skipped whatever their values are.
   */
  read(known: number): boolean {
    this.#clear();
    const { input } = this;
    input.isFlawed = false;
    for (let pairs = input.map(); pairs > 0 && input.problem === undefined; pairs--) {
      const start = input.key();
      const field = fieldAt(input.bytes, start, input.offset);
      if (field >= 0 && (known & (1 << field)) !== 0) this.#readField(field);
      else input.skip();
    }
    return input.problem === undefined && !input.isFlawed;
  }

  #readField(field: number): void {
    const { input } = this;
    switch (field) {
      case fields.seqNo:
        this.seqNo = input.uint(maxUint32);
        break;
      case fields.node:
        this.node = input.text(limits.memberNameBytesMax);
        break;
      case fields.sourceAddr:
        this.sourceAddr = input.raw(addressBytesMax);
        break;
      case fields.sourcePort:
        this.sourcePort = input.uint(portMax);
        break;
      case fields.sourceNode:
        this.sourceNode = input.text(limits.memberNameBytesMax);
        break;
      case fields.incarnation:
        this.incarnation = input.uint(maxUint32);
        break;
      case fields.from:
        this.from = input.text(limits.memberNameBytesMax);
        break;
      case fields.addr:
        this.addr = input.raw(addressBytesMax);
        break;
      case fields.port:
        this.port = input.uint(portMax);
        break;
      case fields.meta:
        this.meta = input.raw(limits.memberMetaBytesMax);
        break;
      case fields.vsn:
        this.vsn = input.raw(versionsMax);
        break;
      case fields.name:
        this.name = input.text(limits.memberNameBytesMax);
        break;
      case fields.state:
        this.state = input.uint(maxUint32);
        break;
      default:
        this.#readRareField(field);
    }
  }

  #readRareField(field: number): void {
    const { input } = this;
    switch (field) {
      case fields.target:
        this.target = input.raw(addressBytesMax);
        break;
      case fields.nack:
        this.nack = input.bool();
        break;
      case fields.payload:
        this.payload = input.raw(limits.gossipPacketBytesMax);
        break;
      case fields.error:
        this.error = input.text(limits.logTextMax);
        break;
      case fields.nodes:
        this.nodes = input.uint(maxUint32);
        break;
      case fields.userStateLen:
        this.userStateLen = input.uint(maxUint32);
        break;
      case fields.join:
        this.join = input.bool();
        break;
      case fields.algo:
        this.algo = input.uint(0xff);
        break;
      case fields.buf:
        this.buf = input.view(limits.gossipStreamBytesMax);
        break;
      case fields.userMsgLen:
        this.userMsgLen = input.uint(maxUint32);
        break;
    }
  }

  #clear(): void {
    this.seqNo = 0;
    this.node = "";
    this.sourceAddr = none;
    this.sourcePort = 0;
    this.sourceNode = "";
    this.target = none;
    this.port = 0;
    this.nack = false;
    this.payload = none;
    this.error = "";
    this.incarnation = 0;
    this.from = "";
    this.addr = none;
    this.meta = none;
    this.vsn = none;
    this.nodes = 0;
    this.userStateLen = 0;
    this.join = false;
    this.name = "";
    this.state = 0;
    this.algo = 0;
    this.buf = none;
    this.userMsgLen = 0;
  }
}

const none: Uint8Array = new Uint8Array(0);
const addressBytesMax = 16;
const versionsMax = 6;
const portMax = 65_535;
