/**
 * What a member says about itself, in the format of
 * [Serf's tags](https://github.com/hashicorp/serf/blob/master/serf/serf.go): one byte and a msgpack map of texts.
 *
 * @module
 */

import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import type { MemberTags } from "../../core/member.ts";
import { type WriteCopies, writeCopiesValues } from "../../core/write-copies.ts";
import { MsgpackReader } from "../../swim/wire/msgpack-reader.ts";
import { MsgpackWriter } from "../../swim/wire/msgpack-writer.ts";

const magic = 0xff;

/** Returns the metadata that says `tags`. Throws LedgerError if it is longer than members accept. */
export function encodeMemberTags(tags: MemberTags): Uint8Array {
  const { nodeId, rpcAddress, httpAddress, version, logName, protocolMin, protocolMax } = tags;
  const { replicas, writeCopies, canWrite } = tags;
  const range =
    protocolMin === undefined || protocolMax === undefined ? undefined : `${protocolMin}-${protocolMax}`;
  const all = {
    ...{ id: nodeId, rpc: rpcAddress, http: httpAddress, v: version, log: logName, p: range },
    ...{
      r: replicas?.toString(),
      w: writeCopies,
      cw: canWrite === undefined ? undefined : canWrite ? "1" : "0",
    },
  };
  const given = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const writer = new MsgpackWriter(limits.memberMetaBytesMax).byte(magic).map(given.length);
  for (const [key, value] of given) writer.text(key).text(value);
  const meta = writer.copy();
  if (meta.length > limits.memberMetaBytesMax) throw tooLong(meta.length);
  return meta;
}

/** Returns what metadata of anybody says; nothing if it is not of this format, or not fit to be shown. */
export function decodeMemberTags(meta: Uint8Array): MemberTags {
  if (meta[0] !== magic || meta.length > limits.memberMetaBytesMax) return {};
  const reader = new MsgpackReader().over(meta, 1, meta.length);
  const found = new Map<string, string>();
  for (let pairs = reader.map(); pairs > 0; pairs -= 1) {
    const key = reader.text(limits.memberMetaBytesMax);
    const value = reader.text(limits.memberMetaBytesMax);
    // Some of it goes to terminals.
    if (value !== "" && !/\p{C}/u.test(value)) found.set(key, value);
  }
  if (reader.problem !== undefined || reader.offset !== meta.length) return {};
  return {
    ...tag("nodeId", nodeIdOf(found.get("id"))),
    ...tag("rpcAddress", found.get("rpc")),
    ...tag("httpAddress", found.get("http")),
    ...tag("version", found.get("v")),
    ...tag("logName", found.get("log")),
    ...rangeOf(found.get("p")),
    ...tag("replicas", replicasOf(found.get("r"))),
    ...tag("writeCopies", writeCopiesOf(found.get("w"))),
    ...tag("canWrite", truthOf(found.get("cw"))),
  };
}

function tag<Name extends keyof MemberTags>(name: Name, value: MemberTags[Name] | undefined): MemberTags {
  return value === undefined ? {} : { [name]: value };
}

function nodeIdOf(text: string | undefined): string | undefined {
  return text !== undefined && /^[0-9a-f]{32}$/.test(text) ? text : undefined;
}

function rangeOf(text: string | undefined): MemberTags {
  const [, min, max] = /^(\d{1,6})-(\d{1,6})$/.exec(text ?? "") ?? [];
  if (min === undefined || max === undefined || Number(min) > Number(max)) return {};
  return { protocolMin: Number(min), protocolMax: Number(max) };
}

function replicasOf(text: string | undefined): number | undefined {
  const replicas = /^[1-9]\d?$/.test(text ?? "") ? Number(text) : 0;
  return replicas >= 1 && replicas <= limits.replicasMax ? replicas : undefined;
}

function writeCopiesOf(text: string | undefined): WriteCopies | undefined {
  return writeCopiesValues.find((value) => value === text);
}

function truthOf(text: string | undefined): boolean | undefined {
  return text === "1" ? true : text === "0" ? false : undefined;
}

function tooLong(bytes: number): LedgerError {
  const limit = limits.memberMetaBytesMax;
  const text = `What this node tells others about itself takes ${bytes} bytes, more than ${limit}`;
  return new LedgerError("INVALID_ARGUMENT", text, {
    reason: "MEMBER_TAGS_TOO_LONG",
    value: bytes,
    limit,
    remedy: "choose shorter names for the log and for the hosts of --grpc and --http",
  });
}
