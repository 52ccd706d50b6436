import { toJsonString } from "@bufbuild/protobuf";
import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { encodeUtf8 } from "../../core/utf8.ts";
import { BroadcastResponseSchema } from "../../gen/converge/ledger/v1/discovery_pb.ts";
import type { CliIo } from "../cli-io.ts";
import { readAll, readInput } from "../read/input.ts";
import type { Session } from "../session.ts";

/** Sends a message, or standard input for "-", to everybody in a group. */
export async function sendToGroup(
  { client, io, json, signal }: Session,
  contextId: string,
  { text, from }: { readonly text: string; readonly from: string | undefined },
): Promise<void> {
  const payload = text === "-" ? await readMessage(io) : encodeUtf8(text);
  const sender = from === undefined ? {} : { fromMemberId: from };
  const answer = await client.groups.broadcast(contextId, payload, { signal, ...sender });
  const line = json ? toJsonString(BroadcastResponseSchema, answer) : `${answer.id}\t${answer.members}`;
  await io.stdout.write(`${line}\n`);
}

async function readMessage(io: CliIo): Promise<Uint8Array> {
  const { groupPayloadBytesMax: limit } = limits;
  const payload = await readAll(readInput(io, "-"), limit);
  if (payload !== undefined) return payload;
  throw new LedgerError("RESOURCE_EXHAUSTED", `the message is over ${limit} bytes`, {
    reason: "GROUP_PAYLOAD_TOO_LARGE",
    field: "payload",
    value: `at least ${limit + 1}`,
    limit,
    remedy: "append it to the context, and send its sequence",
  });
}
