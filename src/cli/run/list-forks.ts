import { toJsonString } from "@bufbuild/protobuf";
import { type Fork, ForkSchema } from "../../gen/converge/ledger/v1/cluster_pb.ts";
import { epochText } from "../render/epoch-text.ts";
import { escapeText } from "../render/escape.ts";
import { timeText } from "../render/time-text.ts";
import type { Session } from "../session.ts";

/** Prints a line for each fork of a context, or of all. */
export async function listForks(
  { client, io, json, signal }: Session,
  contextId: string | undefined,
  hashes: boolean,
): Promise<void> {
  const range = { signal, hashes, ...(contextId === undefined ? {} : { contextId }) };
  for await (const fork of client.cluster.forks(range))
    await io.stdout.write(`${json ? toJsonString(ForkSchema, fork) : forkLine(fork)}\n`);
}

function forkLine({ contextId, afterSequence, entries, winner, loser, foundAtNs, pending }: Fork): string {
  const histories = [epochText(winner), epochText(loser), timeText(foundAtNs)];
  return [escapeText(contextId), afterSequence, entries, ...histories, pending ? "pending" : ""].join("\t");
}
